import type { User } from "portcullis-client";

declare function show(user: User): void;
declare function showSignIn(reason: string, message?: string): void;
declare function showMenu(role: string, permissions: readonly string[]): void;
declare const email: string, password: string;

// As the README has it:
import { createClient } from "portcullis-client";

const hub = createClient({ url: "http://127.0.0.1:8080" });

hub.on("signedIn", ({ user }) => show(user));
hub.on("signedOut", ({ reason, message }) => showSignIn(reason, message));
hub.on("state", ({ role, permissions }) => showMenu(role, permissions));

await hub.signIn({ email, password });
const orders = await hub.fetch("/api/orders"); // with the access token, renewed when needed
await hub.signOut();
