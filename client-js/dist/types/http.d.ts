/** One request to the hub: JSON in, JSON or a `PortcullisError` out. */
import type { Platform } from "./platform.js";
/** A method and a path, such as `POST /api/auth`. */
export type Route = `${"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} /${string}`;
export interface Credentials {
    /** An access token or a service key. */
    readonly token?: string | undefined;
    /** The refresh token travels in its cookie (`X-Portcullis-Mode: cookie`). */
    readonly cookie?: boolean;
}
/** `body` is sent as JSON. */
export type Send = <Answer>(route: Route, body?: object, credentials?: Credentials) => Promise<Answer>;
/** The part of a segment of a path that is a secret or an id. */
export declare const segment: typeof encodeURIComponent;
/** An address without slashes at its end. */
export declare const trimmed: (url: string) => string;
/** Sends to the hub at `base`, an address without a slash at its end. */
export declare function createSend(base: string, { fetch }: Pick<Platform, "fetch">): Send;
