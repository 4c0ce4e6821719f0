/**
 * Where the refresh token lives, and what is still to be signed out.
 *
 * A sign-out must hold although the hub cannot be told: it leaves a tombstone, which a reload finds before it
 * looks for a session, and which stays until the hub has answered. No script can remove the HttpOnly cookie, so
 * with cookies the tombstone says that it is void; a stored token is moved into it.
 */
import type { TokenPair } from "./model.js";
import type { KeyValueStore } from "./platform.js";
/** What proves the session at a refresh or a sign-out: nothing in the body where the cookie does. */
export type Proof = {
    readonly refresh_token?: string;
};
export type EndScope = "session" | "all";
export interface Tombstone {
    readonly scope: EndScope;
    readonly proof: Proof;
}
export interface RefreshTokens {
    /** Whether requests are of cookie mode. */
    readonly cookie: boolean;
    /** The proof of the present session, or `undefined` where there is certainly none. */
    present(): Promise<Proof | undefined>;
    /** Keeps what a sign-in gave, or what a refresh gave for `spent`. */
    keep(pair: TokenPair, spent?: Proof): Promise<void>;
    /** Forgets a token that the hub does not take any more. */
    forget(spent?: Proof): Promise<void>;
    /** Forgets the session, and notes that the hub has to be told. */
    bury(scope: EndScope): Promise<void>;
    tombstone(): Promise<Tombstone | undefined>;
    /** The hub has been told. */
    removeTombstone(): Promise<void>;
}
/** In a cookie that no script can read. `store` holds the tombstone alone. */
export declare function inCookie(store: KeyValueStore, name: string): RefreshTokens;
/** In `store`, for applications that are not pages and for pages of another site than the hub's. */
export declare function inStore(store: KeyValueStore, name: string): RefreshTokens;
