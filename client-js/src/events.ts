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
  readonly message?: string | undefined;
}

export interface HubEvent {
  /** `session.created`, `session.revoked` …: the hub's `docs/PROTOCOL.md` lists them. */
  readonly name: string;
  /** Grows. */
  readonly sequence: number;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Events {
  signedIn: SignedIn;
  signedOut: SignedOut;
  state: AuthState;
  event: HubEvent;
  connection: Connection;
  /** What `linkIdentity` began is done, in the window that has come back; `signedIn` was told before. */
  linked: undefined;
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

/** Beside the events: `change`, after each change of the snapshot. */
interface Told extends Events {
  change: undefined;
}

type Type = keyof Told;

interface Listener {
  readonly type: Type;
  call(event: unknown): void;
  told?: unknown;
}

/** Before anything is known: all the rest is `undefined`. */
export const UNKNOWN = { status: "unknown", connection: { state: "idle" } } as Snapshot;

export function createPresent() {
  let snapshot = UNKNOWN;
  let lasting: { [T in Type]?: Told[T] | undefined } = { connection: snapshot.connection };
  const listeners = new Set<Listener>();

  /** What happens once: told to those who listen now. */
  function happen<T extends Type>(type: T, event?: Told[T]): void {
    for (const listener of [...listeners]) if (listener.type === type) tell(listener, event);
  }

  /** An earlier listener may have changed what is so: then that has been told, or will be, and not this. */
  function deliver(listener: Listener): void {
    const event = lasting[listener.type];
    if (!event || listener.told === event || !listeners.has(listener)) return;
    listener.told = event;
    tell(listener, event);
  }

  /** A listener that throws must not keep the others from hearing. */
  function tell(listener: Listener, event: unknown): void {
    try {
      listener.call(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  return {
    snapshot: () => snapshot,
    happen,

    /**
     * Replaces what differs, then tells of it. `events` are so from now on, as state and connection are: told to all, and
     * to those who come later, until an update brings others.
     */
    update(change: Partial<Snapshot>, events: typeof lasting = lasting): void {
      const next = { ...snapshot, ...change };
      if (JSON.stringify(next) === JSON.stringify(snapshot)) return;
      snapshot = next;
      lasting = { ...events, state: next.state, connection: next.connection };
      happen("change");
      listeners.forEach(deliver);
    },
    on<T extends Type>(type: T, call: (event: Told[T]) => void): () => void {
      const listener: Listener = { type, call };
      listeners.add(listener);
      // Not at once: the caller has not stored the result yet.
      queueMicrotask(() => deliver(listener));
      return () => void listeners.delete(listener);
    },
  };
}

export type Present = ReturnType<typeof createPresent>;
