/** The client: what an application calls, and how the parts hang together. */

import { accountCalls, type AccountCalls } from "./account.js";
import { createConnection } from "./connection.js";
import { type PortcullisError, toError } from "./errors.js";
import { createPresent, type Events, NOBODY, type Snapshot } from "./events.js";
import { createFetch } from "./fetch.js";
import type { News } from "./frames.js";
import { createSend, type Route, trimmed } from "./http.js";
import type { AuthState, EndReason, SocketToken, User } from "./model.js";
import { createOAuth, type OAuthCalls } from "./oauth.js";
import { type KeyValueStore, pause, type Platform, type SocketLike } from "./platform.js";
import { untilDone } from "./retry.js";
import { createSession } from "./session.js";
import { createSignOut } from "./signout.js";
import { createTokens } from "./storage.js";
import { createTabs, type TabMessages } from "./tabs.js";

/** For how long a new tab waits for another one to say who is signed in. */
const TABS_ANSWER_WITHIN_MS = 50;

export interface ClientOptions {
  /** Where the hub is: its `public_url`. */
  readonly url: string;
  /**
   * Where the refresh token lives. Unless set: in an HttpOnly cookie, for pages of the hub's own site; else a store with
   * `getItem`, `setItem` and `removeItem`.
   */
  readonly storage?: KeyValueStore;
  /**
   * `"each"` (unless set): every tab has a socket, and they share who is signed in. `"share"`: one tab holds the one
   * socket for all. `"alone"`: tabs tell each other nothing, for a `storage` that they do not share.
   */
  readonly tabs?: "each" | "share" | "alone";
  /**
   * `false`: no socket; roles and sign-outs are found at the next request. A function opens one where that is not done
   * by the browser's `WebSocket`: on Node, `(url, protocols) => new WebSocket(url, protocols)` with that of `ws`.
   */
  readonly socket?: false | ((url: string, protocols: string[]) => SocketLike);
  /** Origins beside the page's and the hub's that `fetch` may send the access token to. */
  readonly apiOrigins?: readonly string[];
  /** Whether to look at once who is signed in. Unless set: in a browser or an app, not on a server. */
  readonly autoStart?: boolean;
}

export interface Client extends AccountCalls, OAuthCalls {
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
  const base = trimmed(options.url);
  const name = `portcullis:${base}`;
  const { storage, tabs: sharing = "each", socket: openSocket = platform.openSocket } = options;
  const present = createPresent();
  const { snapshot, update } = present;
  const send = createSend(base, platform);
  const tokens = createTokens(storage ?? platform.store, name, !storage);
  const failed = (error: PortcullisError) => present.happen("error", error);
  const report = (thrown: unknown) => failed(toError(thrown));
  const signOut = createSignOut(platform, send, tokens, failed);
  const tabs = createTabs(sharing === "alone" ? undefined : platform.openChannel, name, () => heard);

  /** The journal that numbered the state, so that its versions compare. */
  let epoch: string | undefined;
  let begun = false;
  let stopRestoring = () => {};
  let cancelRenewal = () => {};

  const session = createSession({
    platform,
    send,
    tokens,
    overSocket: () => connection?.token(),
    reconnect: () => connection?.reconnect(),
    lives(live, here) {
      const { sessionId } = live;
      const isNew = sessionId !== snapshot().sessionId;
      const state = isNew ? undefined : snapshot().state;
      const user = withState(live.user, state);
      if (isNew) epoch = undefined;
      update(
        { status: "signedIn", sessionId, user, state },
        isNew ? { signedIn: { user, sessionId }, signedOut: undefined } : {},
      );
      if (here) tabs.send("live", live);
      connection?.follow(sessionId);
      cancelRenewal();
      // While the socket is open it replaces the token. When that fails, whoever needs one asks again.
      cancelRenewal = platform.after(live.expiresAt - platform.now(), () => {
        if (connection?.isOpen()) session.renew().catch(() => {});
      });
    },
    ended(last, why, here) {
      cancelRenewal();
      connection?.follow();
      if (here && last) tabs.send("ended", last.sessionId, why);
      update(
        { ...NOBODY, status: "signedOut" },
        { signedIn: undefined, signedOut: why },
      );
    },
  });

  const connection = openSocket
    ? createConnection({
      platform,
      openSocket,
      tabs,
      lock: sharing === "share" ? `${name}:socket` : undefined,
      socketToken,
      failed,
      version: () => snapshot().state?.version,
      heard: told,
      signedOut: lost,
      changed(now) {
        update({ connection: now });
      },
    })
    : undefined;

  const account = accountCalls({
    send,
    call: session.call,
    described: session.describe,
    deleted: () => lost("account_deleted"),
  });

  const oauth = createOAuth({ platform, base, name, tabs, send, call: session.call, signIn, restore: find, failed });

  /** What the hub has decided. `isOwn`: this tab's socket brought it. */
  function told(frame: News, journal: string, isOwn: boolean): void {
    if (frame.type === "event") return present.happen("event", frame);
    accept(frame.state, journal);
    const live = session.live();
    if (!isOwn || !live || frame.type !== "state") return;
    const { access_token, expires_in, reason } = frame;
    if (access_token && expires_in) session.renewed(live.sessionId, { access_token, expires_in });
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
    return session.call("GET /api/auth/socket");
  }

  /** Takes a state that is newer; one of another journal is newer whatever its number. */
  function accept(state: AuthState, journal: string): void {
    const { state: mine, user } = snapshot();
    if (!user || (mine && epoch === journal && state.version <= mine.version)) return;
    epoch = journal;
    update({ state, user: withState(user, state) });
  }

  const heard: Partial<TabMessages> = {
    ...connection?.heard,
    ...oauth.heard,
    live: session.adopt,
    ended: (sessionId, why) => session.end(why, sessionId, false),
    who() {
      const live = session.live();
      if (live && platform.now() < live.expiresAt) tabs.send("live", live);
      connection?.heard.how();
    },
  };

  /** Who is signed in: another tab knows, or the hub. */
  async function find(): Promise<void> {
    if (tabs.isOpen && (await tokens.present())) {
      tabs.send("who");
      await pause(platform, TABS_ANSWER_WITHIN_MS);
    }
    if (!session.live()) await session.restore();
  }

  async function restore(): Promise<void> {
    await oauth.resume();
    try {
      await find();
    } catch (thrown) {
      // Told as `signedOut`, or somebody has signed in meanwhile.
      if ((thrown as PortcullisError).status !== 401 && !session.live()) throw thrown;
    }
  }

  function start(): void {
    if (begun) return;
    begun = true;
    void signOut.finish();
    stopRestoring = untilDone(platform, restore, (error) => {
      failed(error);
      session.end({ reason: "none" });
    });
  }

  async function signIn(route: Route, body: object): Promise<User> {
    await signOut.settled();
    return session.signIn(route, body);
  }

  if (options.autoStart ?? "window" in globalThis) queueMicrotask(start);

  return {
    ...account,
    ...oauth.calls,
    start,
    ready: () =>
      new Promise((resolve) => {
        const look = () => {
          if (snapshot().status === "unknown") return;
          forget();
          resolve(snapshot());
        };
        const forget = present.on("change", look);
        look();
      }),
    close() {
      begun = true;
      stopRestoring();
      cancelRenewal();
      signOut.stop();
      connection?.follow();
      tabs.close();
    },
    snapshot,
    subscribe: (changed) => present.on("change", changed),
    on: present.on,
    signIn: (who) => signIn("POST /api/auth", who),
    async signOut({ scope = "session" } = {}) {
      if (scope === "others") return session.call("POST /api/auth/logout", { scope });
      stopRestoring();
      const token = session.live()?.accessToken;
      session.end({ reason: "logout" });
      await tokens.bury(scope);
      await signOut.finish(token);
    },
    accessToken: session.accessToken,
    fetch: createFetch(platform, session, [base, ...(options.apiOrigins ?? [])]),
  };
}

/** The person's record with what the state says newer of it. */
function withState(user: User, state: AuthState | undefined): User {
  if (!state || state.version < user.version) return user;
  const { role: site_role, permissions: _, ...newer } = state;
  return { ...user, site_role, ...newer };
}
