/**
 * The socket, kept open for as long as somebody is signed in.
 *
 *     idle -> connecting -> open -> waiting -> connecting …      closed: trying again would change nothing
 *
 * Every attempt begins with a request for a token. So REST tells the truth after a close that says nothing (1006),
 * and no rule is needed for that case. An attempt has a number, and what an earlier one brings late is not heard.
 */
import { PortcullisError } from "./errors.js";
import type { Connection } from "./events.js";
import { type News, type Position, type SignedOutFrame, type TokenFrame } from "./frames.js";
import type { SocketToken } from "./model.js";
import type { Platform, SocketLike } from "./platform.js";
export interface SocketParts {
    readonly platform: Platform;
    readonly openSocket: (url: string, protocols: string[]) => SocketLike;
    /** A socket token; signing in anew, where that helps, is the caller's. */
    readonly socketToken: () => Promise<SocketToken>;
    /** The version of the state that the client holds. */
    readonly version: () => number | undefined;
    /** What the hub has decided, in its own words; each event once. */
    readonly heard: (frame: News | SignedOutFrame, epoch: string) => void;
    readonly changed: (connection: Connection) => void;
    readonly failed: (error: PortcullisError) => void;
}
export declare function createSocket(parts: SocketParts): {
    start: (from?: Position) => void;
    stop: () => void;
    wake: () => void;
    token: () => Promise<TokenFrame> | undefined;
    reconnect: () => Promise<void>;
};
