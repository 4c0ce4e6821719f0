/**
 * The socket, kept open for as long as somebody is signed in.
 *
 *     idle -> connecting -> open -> waiting -> connecting …      closed: trying again would change nothing
 *
 * Every attempt begins with a request for a token. So REST tells the truth after a close that says nothing (1006),
 * and no rule is needed for that case. An attempt has a number, and what an earlier one brings late is not heard.
 */
import type { Core } from "./core.js";
import type { Connection } from "./events.js";
import { type News, type TokenFrame } from "./frames.js";
import type { OpenSocket } from "./platform.js";
/** `heard` is told what the hub has decided, each event once; `changed` how the socket is. */
export declare function createSocket(core: Core, openSocket: OpenSocket, heard: (frame: News, epoch: string) => void, changed: (connection: Connection) => void): {
    isOpen: () => boolean;
    read: (epoch: string, sequence: number) => boolean;
    connect: () => Promise<void>;
    /** Disconnects and stays so; `forgets` where it stopped, or goes on from there the next time. */
    stop(forgets?: boolean): void;
    /** The network or the person is back: no reason to wait any longer, unless the hub asked for it. */
    wake(): void;
    /** Another access token, or `undefined` where no socket gives one. One question at a time. */
    token(): Promise<TokenFrame | undefined> | undefined;
};
