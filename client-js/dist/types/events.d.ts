/**
 * What the application sees: a snapshot that keeps its identity while nothing has changed, and events.
 *
 * An event that describes how things are (`signedIn`, `signedOut`, `state`, `connection`) is told to each
 * listener exactly once: to those who come later as their first one.
 */
import type { PortcullisError } from "./errors.js";
import type { AuthState, EndReason, User } from "./model.js";
export type ConnectionState = "idle" | "connecting" | "open" | "waiting" | "closed";
export interface Connection {
    readonly state: ConnectionState;
    /** When `open`: whether every event since the last connection has been told. */
    readonly resumed?: boolean;
    /** When `waiting`. */
    readonly retryInMs?: number;
}
export interface SignedIn {
    readonly user: User;
    readonly sessionId: string;
}
export interface SignedOut {
    /** `none`: nobody was signed in when the page was opened. */
    readonly reason: EndReason | "none";
    /** For the person, where whoever ended the session left one. */
    readonly message: string | undefined;
}
export interface HubEvent {
    /** `session.created`, `session.revoked` …: the hub's `docs/PROTOCOL.md` lists them. */
    readonly name: string;
    readonly data: Readonly<Record<string, unknown>>;
}
export interface Events {
    signedIn: SignedIn;
    signedOut: SignedOut;
    state: AuthState;
    event: HubEvent;
    connection: Connection;
    error: PortcullisError;
}
export interface Snapshot {
    /** `unknown` until the hub, or another tab, has said whether somebody is signed in. */
    readonly status: "unknown" | "signedIn" | "signedOut";
    readonly user: User | undefined;
    readonly sessionId: string | undefined;
    /** Role and permissions, once the hub has told them. */
    readonly state: AuthState | undefined;
    readonly connection: Connection;
}
type Type = keyof Events;
export declare function createPresent(): {
    snapshot: () => Snapshot;
    update: (change: Partial<Snapshot>) => boolean;
    watch: (call: () => void) => () => void;
    tell: <T extends Type>(type: T, event: Events[T]) => void;
    over: (type: Type) => void;
    happen: <T extends Type>(type: T, event: Events[T]) => void;
    on: <T extends Type>(type: T, call: (event: Events[T]) => void) => () => void;
};
export {};
