/**
 * Where the refresh token lives, and what is still to be signed out.
 *
 * A sign-out must hold although the hub cannot be told: it leaves a tombstone, which a reload finds before it
 * looks for a session, and which stays until the hub has answered. No script can remove the HttpOnly cookie, so
 * with cookies the tombstone says that it is void; a stored token is moved into it.
 *
 * A store that is full or forbidden keeps nobody from signing in or out: what it refuses, this script remembers.
 */
import { PortcullisError } from "./errors.js";
import type { KeyValueStore } from "./platform.js";
/** What proves the session at a refresh or a sign-out: nothing in the body where the cookie does. */
export type Proof = {
    readonly refresh_token?: string;
};
/** The body of the sign-out that the hub is still to be told of. */
export interface Tombstone extends Proof {
    readonly scope: "session" | "all";
}
/** `cookie`: the refresh token is in a cookie that no script can read, and `store` holds the tombstone alone. */
export declare function createTokens(store: KeyValueStore, name: string, cookie: boolean, failed: (error: PortcullisError) => void): {
    /** Whether requests are of cookie mode. */
    cookie: boolean;
    present: () => Promise<Proof | undefined>;
    tombstone: () => Promise<Tombstone | undefined>;
    removeTombstone: () => Promise<unknown>;
    /** Keeps `token`, or none, in place of any other, or of `spent` alone. */
    keep(token?: string, spent?: Proof): Promise<void>;
    /** Forgets the session, and notes that the hub has to be told. */
    bury(scope: Tombstone["scope"]): Promise<void>;
};
export type Tokens = ReturnType<typeof createTokens>;
