/** The client: what an application calls, and how the parts hang together. */

import { accountCalls, type AccountCalls } from "./account.js";
import { createConnection } from "./connection.js";
import type { Core } from "./core.js";
import type { PortcullisError } from "./errors.js";
import { createPresent, type Events, type Snapshot } from "./events.js";
import { createFetch } from "./fetch.js";
import { createSend, trimmed } from "./http.js";
import { createLife } from "./life.js";
import type { User } from "./model.js";
import { createOAuth, type OAuthCalls } from "./oauth.js";
import type { KeyValueStore, OpenSocket, Platform } from "./platform.js";
import { untilDone } from "./retry.js";
import { createSession } from "./session.js";
import { createSignOut } from "./signout.js";
import { createTokens } from "./storage.js";
import { createTabs, type TabMessages } from "./tabs.js";

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
  readonly socket?: false | OpenSocket;
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
  /**
   * `fetch` with the access token; at a 401 it gets another one and tries once more. Where there is none, the 401 is the
   * answer, an empty one where nobody is signed in, and `signedOut` or `error` says why.
   */
  fetch: typeof globalThis.fetch;
}

export function createClientOn(platform: Platform, options: ClientOptions): Client {
  const base = trimmed(options.url);
  const name = `portcullis:${base}`;
  const { storage, tabs: sharing, socket: openSocket = platform.openSocket, apiOrigins = [] } = options;
  const present = createPresent();
  const { snapshot, on } = present;
  const failed = (error: PortcullisError) => present.happen("error", error);
  const tokens = createTokens(storage ?? platform.store, name, !storage, failed);
  const tabs = createTabs(sharing === "alone" ? undefined : platform.openChannel, name, () => heard);
  const core = { platform, base, name, send: createSend(base, platform), tokens, ...present, failed, tabs } as Core;
  const life = (core.life = createLife(core));
  const session = (core.session = createSession(core));
  const signOut = (core.signingOut = createSignOut(core));
  const connection = (core.link = openSocket ? createConnection(core, openSocket, sharing === "share") : undefined);
  const oauth = createOAuth(core);
  const account = accountCalls(core);
  const known = new Promise<unknown>((told) => {
    on("signedIn", told);
    on("signedOut", told);
  });
  let begun = false;
  let stopRestoring = () => {};

  const heard: Partial<TabMessages> = {
    ...connection?.heard,
    ...oauth.heard,
    live: session.adopt,
    ended: (...told) => session.end(...told, false),
    who() {
      const live = session.held();
      if (live && platform.now() < live.until) tabs.tell("live", live);
      connection?.tell();
    },
  };

  async function restore(): Promise<void> {
    await oauth.resume();
    await session.find().catch((thrown: unknown) => {
      // Else it was told, as `signedOut`, or somebody has signed in meanwhile.
      if (snapshot().status === "unknown") throw thrown;
    });
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

  if (options.autoStart ?? "window" in globalThis) queueMicrotask(start);

  return {
    ...account,
    ...oauth.calls,
    start,
    ready: () => known.then(snapshot),
    close() {
      begun = true;
      stopRestoring();
      life.stop();
      signOut.stop();
      connection?.follow();
      tabs.close();
    },
    snapshot,
    subscribe: (changed) => on("change", changed),
    on,
    signIn: (who) => session.signIn("POST /api/auth", who),
    async signOut({ scope = "session" } = {}) {
      if (scope === "others") return account.endOtherSessions();
      stopRestoring();
      const token = session.held()?.accessToken;
      session.end({ reason: "logout" });
      await tokens.bury(scope);
      await signOut.finish(token);
    },
    accessToken: session.accessToken,
    fetch: createFetch(core, [base, ...apiOrigins]),
  };
}
