/** Telling the hub that somebody has signed out, now or when it can be reached. */
import { type PortcullisError } from "./errors.js";
import type { Send } from "./http.js";
import type { Platform } from "./platform.js";
import type { RefreshTokens } from "./storage.js";
export interface SignOutParts {
    readonly platform: Platform;
    readonly send: Send;
    readonly tokens: RefreshTokens;
    failed(error: PortcullisError): void;
}
export declare function createSignOut({ platform, send, tokens, failed }: SignOutParts): {
    finish: (token?: string) => Promise<void>;
    /** Waits for a request under way: its answer would take away the cookie of a new sign-in. */
    settled: () => Promise<void> | undefined;
    stop: () => void;
};
