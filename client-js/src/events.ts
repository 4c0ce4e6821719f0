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

interface Listener<T extends Type> {
  readonly call: (event: Events[T]) => void;
  told: Events[T] | undefined;
  active: boolean;
}

/** A listener that throws must not keep the others from hearing. */
function guarded<T>(call: (value: T) => void, value: T): void {
  try {
    call(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

export function createPresent() {
  let snapshot: Snapshot = {
    status: "unknown",
    user: undefined,
    sessionId: undefined,
    state: undefined,
    connection: { state: "idle" },
  };
  const lasting: { [T in Type]?: Events[T] | undefined } = { connection: snapshot.connection };
  const listeners: { [T in Type]?: Set<Listener<T>> } = {};
  const watchers = new Set<() => void>();

  /** Replaces what differs, then tells whoever watches. */
  function update(change: Partial<Snapshot>): boolean {
    const keys = Object.keys(change) as (keyof Snapshot)[];
    const differs = keys.some((key) => JSON.stringify(change[key]) !== JSON.stringify(snapshot[key]));
    if (!differs) return false;
    snapshot = Object.freeze({ ...snapshot, ...change });
    for (const watch of [...watchers]) guarded(watch, undefined);
    return true;
  }

  function watch(call: () => void): () => void {
    // One who watches twice is called twice.
    const own = () => call();
    watchers.add(own);
    return () => void watchers.delete(own);
  }

  /** What is so from now on: told to all, and to those who come later until it is over. */
  function tell<T extends Type>(type: T, event: Events[T]): void {
    (lasting as Record<T, Events[T]>)[type] = event;
    for (const listener of of(type)) deliver(type, listener);
  }

  /** What is not so any more. */
  function over(type: Type): void {
    lasting[type] = undefined;
  }

  /** What happens once: told to those who listen now. */
  function happen<T extends Type>(type: T, event: Events[T]): void {
    for (const { call } of of(type)) guarded(call, event);
  }

  function on<T extends Type>(type: T, call: (event: Events[T]) => void): () => void {
    const mine = ((listeners as Record<T, Set<Listener<T>>>)[type] ??= new Set());
    const listener: Listener<T> = { call, told: undefined, active: true };
    mine.add(listener);
    // Not at once: the caller has not stored the result yet.
    queueMicrotask(() => deliver(type, listener));
    return () => {
      listener.active = false;
      mine.delete(listener);
    };
  }

  function of<T extends Type>(type: T): Listener<T>[] {
    const mine: Set<Listener<T>> | undefined = listeners[type];
    return [...(mine ?? [])];
  }

  /** An earlier listener may have changed what is so: then that has been told, or will be, and not this. */
  function deliver<T extends Type>(type: T, listener: Listener<T>): void {
    const event: Events[T] | undefined = lasting[type];
    if (!listener.active || event === undefined || listener.told === event) return;
    listener.told = event;
    guarded(listener.call, event);
  }

  return { snapshot: () => snapshot, update, watch, tell, over, happen, on };
}
