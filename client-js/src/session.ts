/**
 * The session of this script: an access token in memory, and how it is replaced.
 *
 * Several tabs refresh as they need to, without a lock: the hub gives the same successor to all who present the
 * same token. What one has got the others adopt.
 */

import type { Core } from "./core.js";
import { PortcullisError, toError } from "./errors.js";
import type { SignedOut } from "./events.js";
import type { Route } from "./http.js";
import type { EndReason, SocketToken, TokenPair, User } from "./model.js";
import { pause } from "./platform.js";
import { shared } from "./shared.js";

/** For how long a new tab waits for another one to say who is signed in. */
const TABS_ANSWER_WITHIN_MS = 50;
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

export function createSession(core: Core) {
  const { platform, send, tokens, tabs } = core;
  const { cookie } = tokens;
  let live: Live | undefined;
  /** The session that was over last: what another tab says of it is late. */
  let ended: string | undefined;
  /** Grows when one session gives way to another, or to none: an answer to an earlier turn is not heard. */
  let turn = 0;
  let restoring: Promise<Live> | undefined;

  /** Signs in by a route whose answer is a token pair. */
  async function signIn(route: Route, body: object): Promise<User> {
    // What is under way would take the new cookie away when it is refused, or answered.
    await core.signOut.settled();
    await restoring?.catch(() => {});
    const since = platform.now();
    const pair = await send<TokenPair>(route, body, { cookie });
    await tokens.keep(pair);
    return begin(pair, since).user;
  }

  /** Who is signed in: another tab knows, or the hub. */
  async function find(): Promise<void> {
    if (await tokens.present()) {
      tabs.tell("who");
      await pause(platform, TABS_ANSWER_WITHIN_MS);
    }
    if (!live) await restore();
  }

  /** An access token that is good for a while. */
  async function accessToken(): Promise<string> {
    const { accessToken, until } = signedIn();
    return platform.now() < until ? accessToken : (await renew()).accessToken;
  }

  /** Another access token: over the socket where one is open, else by a refresh. */
  const renew = shared(async (): Promise<Live> => {
    let isTooOld = false;
    try {
      const fresh = await core.connection?.token();
      if (fresh) return renewed(fresh);
    } catch (thrown) {
      isTooOld = (thrown as PortcullisError).code === "refresh_required";
    }
    const next = await refresh();
    if (isTooOld) void core.connection?.connect();
    return next;
  });

  /** Spends the refresh token. */
  async function refresh(): Promise<Live> {
    // Whoever has signed out while something else was awaited must not be signed in again by it.
    signedIn();
    return restore();
  }

  /** Spends the refresh token, if there is one. */
  const restore = shared((): Promise<Live> => (restoring = spend(turn)));

  async function spend(asked: number): Promise<Live> {
    const proof = await tokens.present();
    const since = platform.now();
    // Where no answer comes, the next attempt presents the same token, and the hub answers both alike.
    const answer = proof
      ? await send<TokenPair>("POST /api/auth/refresh", proof, { cookie }).catch(toError)
      : new PortcullisError("not_signed_in");
    // Signed out, or in as somebody else, while the answer was on its way: it comes too late.
    if (asked !== turn) return signedIn();
    if (!(answer instanceof PortcullisError)) {
      await tokens.keep(answer, proof);
      return begin(answer, since);
    }
    if (answer.status === 401 || !proof) {
      // Another tab has signed in, refreshed or signed out since.
      const stored = await tokens.present();
      if (stored?.refresh_token !== proof?.refresh_token) return spend(asked);
      await tokens.forget(proof);
      // Only here does somebody count as signed out without having been told so.
      end({ reason: endOf(answer) });
    }
    throw answer;
  }

  /** Attempts with an access token, and once more with another one where that was refused. */
  async function withToken<Result>(attempt: (token: string) => Promise<Result>): Promise<Result> {
    const token = await accessToken();
    return attempt(token).catch(async (thrown: { readonly status?: number }) => {
      if (thrown.status !== 401) throw thrown;
      const { accessToken: other } = signedIn();
      // Another one may have come meanwhile.
      return attempt(other === token ? (await refresh()).accessToken : other);
    });
  }

  /** Sends as the person who is signed in. */
  function call<Answer>(route: Route, body?: unknown): Promise<Answer> {
    return withToken((token) => send<Answer>(route, body, { token }));
  }

  /** A socket token. What was minted over a socket gives none. */
  async function socketToken(): Promise<SocketToken> {
    if (live?.fromSocket) await refresh();
    return call("GET /api/auth/socket");
  }

  /** The socket brought an access token. It is closed as soon as its session is another one. */
  function renewed(fresh: FreshToken): Live {
    return set({ ...signedIn(), accessToken: fresh.access_token, until: expiry(fresh), fromSocket: true });
  }

  /** The person's record, asked for, and changed by another `route`. */
  async function user(route: Route = "GET /api/users/me", change?: object): Promise<User> {
    const record = await call<User>(route, change);
    if (live?.user.id === record.id) set({ ...live, user: record });
    return record;
  }

  /** Another tab has this session. */
  function adopt(theirs: Live): void {
    const isNewer = !live
      ? theirs.sessionId !== ended
      : live.sessionId === theirs.sessionId
        ? theirs.until >= live.until
        : theirs.since > live.since;
    if (isNewer) set(theirs, false);
  }

  /** Signs out here; `sessionId`, where given, says which session is meant. */
  function end(why: SignedOut, sessionId = live?.sessionId, here = true): void {
    const last = live;
    if (sessionId !== last?.sessionId) return;
    live = undefined;
    turn += 1;
    ended = last?.sessionId ?? ended;
    core.life.ended(last, why, here);
  }

  /** The session is over, and the hub knows. */
  function lost(reason: EndReason, message?: string): void {
    tokens.forget().catch((thrown: unknown) => core.failed(toError(thrown)));
    end({ reason, message });
  }

  function begin(pair: TokenPair, since: number): Live {
    const { access_token: accessToken, session_id: sessionId, user } = pair;
    return set({ accessToken, until: expiry(pair), fromSocket: false, sessionId, user, since });
  }

  function set(next: Live, here = true): Live {
    if (next.sessionId !== live?.sessionId) turn += 1;
    live = next;
    core.life.lives(next, here);
    return next;
  }

  function signedIn(): Live {
    if (live) return live;
    throw new PortcullisError("not_signed_in");
  }

  /** A tenth of the life early, so that it is still good when it arrives. */
  function expiry({ expires_in }: FreshToken): number {
    return platform.now() + expires_in * 900;
  }

  /** What a refused refresh says about the end of the session. */
  function endOf({ code }: PortcullisError): SignedOut["reason"] {
    if (code === "refresh_reused") return code;
    if (code === "session_revoked") return "revoked";
    return live || code === "invalid_token" ? "expired" : "none";
  }

  return {
    held: () => live,
    signIn,
    find,
    accessToken,
    renew,
    withToken,
    call,
    socketToken,
    renewed,
    user,
    adopt,
    end,
    lost,
  };
}

export type Session = ReturnType<typeof createSession>;
