/** One request to the hub: JSON in, JSON or a `PortcullisError` out. */
import type { Platform } from "./platform.js";
export interface Call {
    readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
    readonly path: string;
    /** Sent as JSON, but for a form. */
    readonly body?: unknown;
    readonly token?: string | undefined;
    /** The refresh token travels in its cookie (`X-Portcullis-Mode: cookie`). */
    readonly cookie?: boolean;
}
export type Send = <Answer>(call: Call) => Promise<Answer>;
/** Sends to the hub at `base`, an address without a slash at its end. */
export declare function createSend(base: string, platform: Platform): Send;
