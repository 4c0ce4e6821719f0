/** `fetch` with the access token, for the application's own backends. */
import type { Platform } from "./platform.js";
import type { Session } from "./session.js";
export interface FetchParts {
    readonly platform: Platform;
    readonly session: Session;
    /** Nobody else gets the token. */
    readonly origins: ReadonlySet<string>;
}
export declare function createFetch({ platform, session, origins }: FetchParts): typeof globalThis.fetch;
