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

  /** An access token that is good for a while. */
  async function accessToken(): Promise<string> {
    const { accessToken, until } = signedIn();
    return platform.now() < until ? accessToken : (await renew()).accessToken;
  }

  /** Another access token: over the socket where one is open, else by a refresh. */
  const renew = shared(async (): Promise<Live> => {
    const fresh = await core.link?.token();
    return fresh ? renewed(fresh) : refresh();
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
    const ask = () => send<TokenPair>("POST /api/auth/refresh", proof, { cookie });
    // Without an answer the token may be spent or not: the hub answers whoever presents it again alike.
    const again = (error: PortcullisError) => {
      if (error.status || asked !== turn) throw error;
      return ask();
    };
    const answer = proof ? await ask().catch(again).catch(toError) : new PortcullisError("not_signed_in");
    // Signed out, or in as somebody else, while the answer was on its way: it comes too late.
    if (asked !== turn) return signedIn();
    if (!(answer instanceof PortcullisError)) {
      await tokens.keep(answer.refresh_token, proof);
      return begin(answer, since);
    }
    if (answer.status === 401 || !proof) {
      // Another tab has signed in, refreshed or signed out since.
      const stored = await tokens.present();
      if (stored?.refresh_token !== proof?.refresh_token) return spend(asked);
      await tokens.keep(undefined, proof);
      // Only here does somebody count as signed out without having been told so.
      const { code } = answer;
      const known = code === "session_revoked" ? "revoked" : code === "invalid_token" || live ? "expired" : "none";
      end({ reason: code === "refresh_reused" ? code : known });
    }
    throw answer;
  }

  /** Another access token than this one, which was refused. */
  async function replaced(refused: string): Promise<string> {
    const { accessToken } = signedIn();
    // Another one may have come meanwhile.
    return accessToken === refused ? (await refresh()).accessToken : accessToken;
  }

  /** Sends as the person who is signed in, and once more with another access token where that was refused. */
  async function call<Answer>(route: Route, body?: object): Promise<Answer> {
    const attempt = (token: string) => send<Answer>(route, body, { token });
    const token = await accessToken();
    return attempt(token).catch(async (error: PortcullisError) => {
      if (error.status !== 401) throw error;
      return attempt(await replaced(token));
    });
  }

  /** The socket brought an access token. It is closed as soon as its session is another one. */
  function renewed(fresh: FreshToken): Live {
    return take(fresh, signedIn(), true);
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

  function begin(pair: TokenPair, since: number): Live {
    return take(pair, { sessionId: pair.session_id, user: pair.user, since }, false);
  }

  /** A tenth of the life is left out, so that the token is still good when it arrives. */
  function take(
    { access_token: accessToken, expires_in }: FreshToken,
    whose: Pick<Live, "sessionId" | "user" | "since">,
    fromSocket: boolean,
  ): Live {
    return set({ ...whose, accessToken, until: platform.now() + expires_in * 900, fromSocket });
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

  return {
    held: () => live,
    accessToken,
    renew,
    replaced,
    call,
    renewed,
    end,

    /** Signs in by a route whose answer is a token pair. */
    async signIn(route: Route, body: object): Promise<User> {
      // What is under way would take the new cookie away when it is refused, or answered.
      await core.signingOut.settled();
      await restoring?.catch(() => {});
      const since = platform.now();
      const pair = await send<TokenPair>(route, body, { cookie });
      // The hub has ended the session whose cookie gave way to this one's.
      if (cookie) await tokens.removeTombstone();
      else await tokens.keep(pair.refresh_token);
      return begin(pair, since).user;
    },

    /** Who is signed in: another tab knows, or the hub. */
    async find(): Promise<void> {
      if (await tokens.present()) {
        tabs.tell("who");
        await new Promise<void>((resume) => platform.after(TABS_ANSWER_WITHIN_MS, resume));
      }
      if (!live) await restore();
    },

    /** A socket token. What was minted over a socket gives none. */
    async socketToken(): Promise<SocketToken> {
      if (live?.fromSocket) await refresh();
      return call("GET /api/auth/socket");
    },

    /** The person's record, asked for, and changed by another `route`. */
    async user(route: Route = "GET /api/users/me", change?: object): Promise<User> {
      const record = await call<User>(route, change);
      if (live?.user.id === record.id) set({ ...live, user: record });
      return record;
    },

    /** Another tab has this session. */
    adopt(theirs: Live): void {
      const isNewer = !live
        ? theirs.sessionId !== ended
        : live.sessionId === theirs.sessionId
          ? theirs.until >= live.until
          : theirs.since > live.since;
      if (isNewer) set(theirs, false);
    },

    /** The session is over, and the hub knows. */
    lost(reason: EndReason, message?: string): void {
      void tokens.keep();
      end({ reason, message });
    },
  };
}

export type Session = ReturnType<typeof createSession>;
