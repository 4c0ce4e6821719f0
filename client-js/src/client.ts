/** The client: what an application calls, and how the parts hang together. */

import { accountCalls, type AccountCalls } from "./account.js";
import { createConnection } from "./connection.js";
import { type PortcullisError, toError } from "./errors.js";
import { createPresent, type Events, type Snapshot } from "./events.js";
import { createFetch } from "./fetch.js";
import { createSend } from "./http.js";
import type { News, SignedOutFrame } from "./frames.js";
import type { AuthState, EndReason, SocketToken, User } from "./model.js";
import type { KeyValueStore, Platform } from "./platform.js";
import { untilDone } from "./retry.js";
import { createSession, type Live } from "./session.js";
import { createSignOut } from "./signout.js";
import { inCookie, inStore } from "./storage.js";
import { createTabs, type TabMessage } from "./tabs.js";

/** For how long a new tab waits for another one to say who is signed in. */
const TABS_ANSWER_WITHIN_MS = 50;

export interface ClientOptions {
  /** Where the hub is: its `public_url`. */
  readonly url: string;
  /**
   * Where the refresh token lives: `"cookie"` (unless set) in an HttpOnly cookie, for pages of the hub's own
   * site; else a store with `getItem`, `setItem` and `removeItem`.
   */
  readonly storage?: "cookie" | KeyValueStore;
  /**
   * `"each"` (unless set): every tab has a socket, and they share who is signed in. `"share"`: one tab holds the one
   * socket for all. `"alone"`: tabs tell each other nothing, for a `storage` that they do not share.
   */
  readonly tabs?: "each" | "share" | "alone";
  /** `false`: no socket; roles and sign-outs are found at the next request. */
  readonly socket?: boolean;
  /** Origins beside the page's and the hub's that `fetch` may send the access token to. */
  readonly apiOrigins?: readonly string[];
  /** Whether to look at once who is signed in. Unless set: in a browser or an app, not on a server. */
  readonly autoStart?: boolean;
}

export interface Client extends AccountCalls {
  /** Looks who is signed in, and connects. By itself unless `autoStart` is off. */
  start(): void;
  /** The snapshot, once it is known whether somebody is signed in. */
  ready(): Promise<Snapshot>;
  /** Disconnects and falls silent; nobody is signed out. */
  close(): void;

  /** How things are: the same object for as long as nothing changes. */
  snapshot(): Snapshot;
  /** Calls back after each change of the snapshot. The result takes it back. */
  subscribe(changed: () => void): () => void;
  /** Listens; what is so already is told first. The result takes it back. */
  on<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): () => void;

  /** `device`: what to call this device in the list of sessions. */
  signIn(who: { readonly email: string; readonly password: string; readonly device?: string }): Promise<User>;
  /**
   * `session` (unless set) and `all` sign out here at once; when the hub cannot be reached it is told later, also
   * after a reload. `others` leaves this session alone, and throws when it could not be done.
   */
  signOut(options?: { readonly scope?: "session" | "others" | "all" }): Promise<void>;
  /** An access token that is good for some seconds at least, for a request of one's own. */
  accessToken(): Promise<string>;
  /** `fetch` with the access token; at a 401 it gets another one and tries once more. */
  fetch: typeof globalThis.fetch;
}

export function createClientOn(platform: Platform, options: ClientOptions): Client {
  const base = options.url.replace(/\/+$/, "");
  const name = `portcullis:${base}`;
  const { storage = "cookie", tabs: sharing = "each" } = options;
  const present = createPresent();
  const send = createSend(base, platform);
  const tokens = storage === "cookie" ? inCookie(platform.store, name) : inStore(storage, name);
  const failed = (error: PortcullisError) => present.happen("error", error);
  const report = (thrown: unknown) => failed(toError(thrown));
  const signOut = createSignOut({ platform, send, tokens, failed });
  const tabs = createTabs(sharing === "alone" ? { ...platform, openChannel: undefined } : platform, name, heard);

  /** The journal that numbered the state, so that its versions compare. */
  let epoch: string | undefined;
  let socketIsTooOld = false;
  let begun = false;
  let stopRestoring = () => {};
  let cancelRenewal = () => {};
  let forgetWake = () => {};

  const session = createSession({
    platform,
    send,
    tokens,
    overSocket: () =>
      connection?.token()?.catch((error: PortcullisError) => {
        socketIsTooOld = error.code === "refresh_required";
        throw error;
      }),
    lives(live, here) {
      const isNew = live.sessionId !== present.snapshot().sessionId;
      if (isNew) {
        epoch = undefined;
        present.over("state");
        present.over("signedOut");
      }
      const state = isNew ? undefined : present.snapshot().state;
      const { sessionId } = live;
      const user = withState(live.user, state);
      present.update({ status: "signedIn", sessionId, user, state });
      if (isNew) present.tell("signedIn", { user, sessionId });
      if (here) tabs.send({ type: "live", live });
      follow(live);
    },
    ended(last, why, here) {
      if (present.snapshot().status === "signedOut") return;
      cancelRenewal();
      epoch = undefined;
      connection?.follow(undefined);
      present.over("signedIn");
      present.over("state");
      present.update({ status: "signedOut", user: undefined, sessionId: undefined, state: undefined });
      if (here && last) tabs.send({ type: "ended", sessionId: last.sessionId, why });
      present.tell("signedOut", why);
    },
  });

  const connection =
    options.socket !== false && platform.openSocket
      ? createConnection({
          platform,
          openSocket: platform.openSocket,
          tabs,
          lock: sharing === "share" ? `${name}:socket` : undefined,
          socketToken,
          failed,
          version: () => present.snapshot().state?.version,
          heard: told,
          changed(now) {
            if (present.update({ connection: now })) present.tell("connection", now);
            renewInTime();
          },
        })
      : undefined;

  const account = accountCalls({
    send,
    call: session.call,
    described: session.describe,
    deleted: () => lost("account_deleted"),
  });

  /** Connects for a live session, and anew where the socket has become too old to give out tokens. */
  function follow(live: Live): void {
    connection?.follow(live.sessionId);
    if (socketIsTooOld && !live.fromSocket) {
      socketIsTooOld = false;
      connection?.reconnect();
    }
    renewInTime();
  }

  /** While the socket is open the access token is replaced before it expires. */
  function renewInTime(): void {
    cancelRenewal();
    const live = session.live();
    const isOpen = connection?.isOwn() && present.snapshot().connection.state === "open";
    if (!live || !isOpen) return;
    const inMs = Math.max(1_000, live.expiresAt - platform.now());
    // When it fails, whoever needs a token asks again.
    cancelRenewal = platform.after(inMs, () => void session.renew().catch(() => {}));
  }

  /** What the hub has decided. `isOwn`: this tab's socket brought it. */
  function told(frame: News | SignedOutFrame, journal: string, isOwn: boolean): void {
    if (frame.type === "event") {
      const { name: event, data } = frame;
      return present.happen("event", { name: event, data });
    }
    if (frame.type === "signed_out") return lost(frame.reason, frame.message);
    accept(frame.state, journal);
    const live = session.live();
    if (!isOwn || !live || frame.type !== "state") return;
    const { access_token, expires_in, reason } = frame;
    if (access_token !== undefined && expires_in !== undefined) {
      session.renewed(live.sessionId, { access_token, expires_in });
    }
    // The state does not say which address it is now.
    if (reason === "email_changed") account.user().catch(() => {});
  }

  /** The session is over, and the hub knows. */
  function lost(reason: EndReason, message?: string): void {
    tokens.forget().catch(report);
    session.end({ reason, message });
  }

  async function socketToken(): Promise<SocketToken> {
    // What was minted over a socket opens none.
    if (session.live()?.fromSocket) await session.refresh();
    const call = { path: "/api/auth/socket" };
    try {
      return await session.call<SocketToken>(call);
    } catch (thrown) {
      if (toError(thrown).code !== "refresh_required") throw thrown;
      await session.refresh();
      return session.call<SocketToken>(call);
    }
  }

  /** Takes a state that is newer; one of another journal is newer whatever its number. */
  function accept(state: AuthState, journal: string): void {
    const { state: mine, user } = present.snapshot();
    if (!user || (mine && epoch === journal && state.version <= mine.version)) return;
    epoch = journal;
    if (present.update({ state, user: withState(user, state) })) present.tell("state", state);
  }

  function heard(message: TabMessage): void {
    const live = session.live();
    if (message.type === "live") session.adopt(message.live);
    if (message.type === "ended") session.end(message.why, false, message.sessionId);
    if (message.type === "ask" && live && platform.now() < live.expiresAt) tabs.send({ type: "live", live });
    connection?.hear(message);
  }

  /** Who is signed in: another tab knows, or the hub. */
  async function restore(): Promise<void> {
    if (tabs.isOpen && (await tokens.present())) {
      tabs.send({ type: "ask" });
      await new Promise<void>((resume) => platform.after(TABS_ANSWER_WITHIN_MS, resume));
    }
    if (session.live()) return;
    try {
      await session.restore();
    } catch (thrown) {
      // Told as `signedOut`, or somebody has signed in meanwhile.
      if (toError(thrown).status !== 401 && !session.live()) throw thrown;
    }
  }

  function begin(): void {
    if (begun) return;
    begun = true;
    forgetWake = platform.onWake(() => connection?.wake());
    signOut.finish().catch(report);
  }

  function start(): void {
    if (begun) return;
    begin();
    stopRestoring = untilDone(platform, restore, (error) => {
      failed(error);
      session.end({ reason: "none", message: undefined });
    });
  }

  if (options.autoStart ?? "window" in globalThis) queueMicrotask(start);

  return {
    ...account,
    start,
    ready: () =>
      new Promise((resolve) => {
        const look = () => {
          if (present.snapshot().status === "unknown") return;
          forget();
          resolve(present.snapshot());
        };
        const forget = present.watch(look);
        look();
      }),
    close() {
      begun = true;
      stopRestoring();
      cancelRenewal();
      forgetWake();
      signOut.stop();
      connection?.follow(undefined);
      tabs.close();
    },
    snapshot: present.snapshot,
    subscribe: present.watch,
    on: present.on,
    async signIn({ email, password, device }) {
      begin();
      await signOut.settled();
      const body = { email, password, device };
      return (await session.signIn({ method: "POST", path: "/api/auth", body })).user;
    },
    async signOut({ scope = "session" } = {}) {
      if (scope === "others") {
        return session.call<void>({ method: "POST", path: "/api/auth/logout", body: { scope } });
      }
      stopRestoring();
      const token = session.live()?.accessToken;
      session.end({ reason: "logout", message: undefined });
      await tokens.bury(scope);
      await signOut.finish(token);
    },
    accessToken: session.accessToken,
    fetch: createFetch({ platform, session, origins: apiOrigins(base, options.apiOrigins) }),
  };
}

/** The person's record with what the state says newer of it. */
function withState(user: User, state: AuthState | undefined): User {
  if (!state || state.version < user.version) return user;
  const { role, version, status, email_verified } = state;
  return { ...user, site_role: role, version, status, email_verified };
}

function apiOrigins(base: string, more: readonly string[] = []): ReadonlySet<string> {
  const page = globalThis.location?.origin;
  const origins = [base, ...more].map((address) => new URL(address).origin);
  return new Set(page === undefined ? origins : [page, ...origins]);
}
