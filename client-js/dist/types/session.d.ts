/**
 * The session of this script: an access token in memory, and how it is replaced.
 *
 * Several tabs refresh as they need to, without a lock: the hub gives the same successor to all who present the
 * same token. What one has got the others adopt.
 */
import type { Core } from "./core.js";
import type { SignedOut } from "./events.js";
import type { Route } from "./http.js";
import type { EndReason, SocketToken, User } from "./model.js";
/** A live session. It travels between tabs, so it is plain data. */
export interface Live {
    readonly accessToken: string;
    /** By this machine's clock, a little before the hub's. */
    readonly until: number;
    /** Minted over a socket: good for everything but for opening another one. */
    readonly fromSocket: boolean;
    readonly sessionId: string;
    readonly user: User;
    /** When it was asked for: of two sessions the one that was asked for later counts. */
    readonly since: number;
}
export interface FreshToken {
    readonly access_token: string;
    readonly expires_in: number;
}
export declare function createSession(core: Core): {
    held: () => Live | undefined;
    accessToken: () => Promise<string>;
    renew: () => Promise<Live>;
    replaced: (refused: string) => Promise<string>;
    call: <Answer>(route: Route, body?: object) => Promise<Answer>;
    renewed: (fresh: FreshToken) => Live;
    end: (why: SignedOut, sessionId?: string | undefined, here?: boolean) => void;
    /** Signs in by a route whose answer is a token pair. */
    signIn(route: Route, body: object): Promise<User>;
    /** Who is signed in: another tab knows, or the hub. */
    find(): Promise<void>;
    /** A socket token. What was minted over a socket gives none. */
    socketToken(): Promise<SocketToken>;
    /** The person's record, asked for, and changed by another `route`. */
    user(route?: Route, change?: object): Promise<User>;
    /** Another tab has this session. */
    adopt(theirs: Live): void;
    /** The session is over, and the hub knows. */
    lost(reason: EndReason, message?: string): void;
};
export type Session = ReturnType<typeof createSession>;
