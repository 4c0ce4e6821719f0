/** Telling the hub that somebody has signed out, now or when it can be reached. */
import type { Core } from "./core.js";
export declare function createSignOut({ platform, send, tokens, failed }: Core): {
    settled: () => Promise<void>;
    /** Sends what a tombstone says, if there is one; `token`, an access token of that session, proves it as well. */
    finish(token?: string): Promise<void>;
    stop: () => void;
};
export type SignOut = ReturnType<typeof createSignOut>;
