/**
 * The session of this script: an access token in memory, and how it is replaced.
 *
 * Several tabs refresh as they need to, without a lock: the hub gives the same successor to all who present the
 * same token. What one has got the others adopt.
 */
import type { SignedOut } from "./events.js";
import type { Call, Send } from "./http.js";
import type { User } from "./model.js";
import type { Platform } from "./platform.js";
import type { RefreshTokens } from "./storage.js";
/** A live session. It travels between tabs, so it is plain data. */
export interface Live {
    readonly accessToken: string;
    /** By this machine's clock, a little before the hub's. */
    readonly expiresAt: number;
    /** Minted over a socket: good for everything but for opening another one. */
    readonly fromSocket: boolean;
    readonly sessionId: string;
    readonly user: User;
    /** When it was asked for: of two sessions the one that was asked for later counts. */
    readonly askedAt: number;
}
export interface FreshToken {
    readonly access_token: string;
    readonly expires_in: number;
}
export interface SessionParts {
    readonly platform: Platform;
    readonly send: Send;
    readonly tokens: RefreshTokens;
    /** A new access token over the socket, or `undefined` where none is open. */
    overSocket(): Promise<FreshToken> | undefined;
    /** The session has begun, changed, or got another access token; `here` unless another tab said so. */
    lives(live: Live, here: boolean): void;
    /** It has ended, or there is none; `last` is what it was. */
    ended(last: Live | undefined, why: SignedOut, here: boolean): void;
}
export declare function createSession(parts: SessionParts): {
    live: () => Live | undefined;
    signIn: (request: Call) => Promise<Live>;
    accessToken: () => Promise<string>;
    renew: () => Promise<Live>;
    refresh: () => Promise<Live>;
    restore: () => Promise<Live>;
    call: <Answer>(request: Call) => Promise<Answer>;
    instead: (refused: string) => Promise<string>;
    renewed: (sessionId: string, fresh: FreshToken) => Live | undefined;
    describe: (user: User) => void;
    adopt: (theirs: Live) => void;
    end: (why: SignedOut, here?: boolean, sessionId?: string) => void;
};
export type Session = ReturnType<typeof createSession>;
