/** A plain page: who is signed in, with which role, and a form to sign in. */

import { createClient, PortcullisError } from "portcullis-client";

const hub = createClient({ url: "https://auth.example.org" });
const show = (text: string) => document.querySelector("output")?.append(text, "\n");

hub.on("signedIn", ({ user }) => show(`signed in as ${user.email}`));
hub.on("signedOut", ({ reason, message }) => show(message ?? `signed out: ${reason}`));
hub.on("state", ({ role, permissions }) => show(`${role}: ${permissions.join(", ")}`));
hub.on("error", ({ code }) => show(`not done: ${code}`));

document.querySelector("form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = new FormData(event.target as HTMLFormElement);
  try {
    await hub.signIn({ email: String(fields.get("email")), password: String(fields.get("password")) });
  } catch (error) {
    if (!(error instanceof PortcullisError)) throw error;
    show(error.code === "invalid_credentials" ? "no such address and password" : error.message);
  }
});

document.querySelector("#github")?.addEventListener("click", async () => {
  await hub.signInWithProvider("github", { redirectTo: `${location.origin}/welcome`, popup: true });
});
