/**
 * The session of this script: an access token in memory, and how it is replaced.
 *
 * Several tabs refresh as they need to, without a lock: the hub gives the same successor to all who present the
 * same token. What one has got the others adopt.
 */

import { PortcullisError, toError } from "./errors.js";
import type { SignedOut } from "./events.js";
import type { Call, Send } from "./http.js";
import type { TokenPair, User } from "./model.js";
import type { Platform } from "./platform.js";
import type { Proof, RefreshTokens } from "./storage.js";

/** A lost answer is asked for again within this time: the hub then gives the same one. */
const ASK_AGAIN_MS = 400;

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

export function createSession(parts: SessionParts) {
  const { platform, send, tokens } = parts;
  let live: Live | undefined;
  let endedAt = 0;
  /** Grows when one session gives way to another, or to none: an answer to an earlier turn is not heard. */
  let turn = 0;
  let refreshing: Promise<Live> | undefined;
  let renewing: Promise<Live> | undefined;

  /** Signs in by `call`, whose answer is a token pair. */
  async function signIn(request: Call): Promise<Live> {
    // A refusal that comes later would take the new cookie away.
    await refreshing?.catch(() => {});
    const askedAt = platform.now();
    const pair = await send<TokenPair>({ ...request, cookie: tokens.cookie });
    await tokens.keep(pair);
    return begin(pair, askedAt);
  }

  /** An access token that is good for a while. */
  async function accessToken(): Promise<string> {
    const { accessToken, expiresAt } = signedIn();
    return platform.now() < expiresAt ? accessToken : (await renew()).accessToken;
  }

  /** Another access token: over the socket where one is open, else by a refresh. */
  function renew(): Promise<Live> {
    renewing ??= startRenewal().finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  async function startRenewal(): Promise<Live> {
    const before = live;
    try {
      const fresh = await parts.overSocket();
      if (fresh && before) return renewed(before.sessionId, fresh) ?? signedIn();
    } catch {
      // Over HTTP, then.
    }
    return refresh();
  }

  /** Spends the refresh token. */
  async function refresh(): Promise<Live> {
    // Whoever has signed out while something else was awaited must not be signed in again by it.
    signedIn();
    return restore();
  }

  /** Spends the refresh token, if there is one. Whoever calls meanwhile gets the same answer. */
  function restore(): Promise<Live> {
    const asked = turn;
    refreshing ??= tokens
      .present()
      .then((proof) => refreshWith(proof, asked))
      .finally(() => {
        refreshing = undefined;
      });
    return refreshing;
  }

  async function refreshWith(proof: Proof | undefined, asked: number): Promise<Live> {
    const askedAt = platform.now();
    try {
      if (!proof) throw new PortcullisError("authentication_required", "no session is kept", { status: 401 });
      const pair = await presentToken(proof);
      // Signed out, or in as somebody else, while the answer was on its way: it comes too late.
      if (asked !== turn) return signedIn();
      await tokens.keep(pair, proof);
      return begin(pair, askedAt);
    } catch (thrown) {
      const error = toError(thrown);
      if (asked !== turn) return signedIn();
      if (error.status !== 401) throw error;
      const stored = await tokens.present();
      // Another tab has signed in, or refreshed, since.
      if (stored && proof && stored.refresh_token !== proof.refresh_token) return refreshWith(stored, asked);
      await tokens.forget(proof);
      // Only here does somebody count as signed out without having been told so.
      end({ reason: endOf(error), message: undefined });
      throw error;
    }
  }

  /** Where no answer came, the same token is presented once more: the hub answers both alike. */
  async function presentToken(proof: Proof): Promise<TokenPair> {
    const request: Call = { method: "POST", path: "/api/auth/refresh", body: proof, cookie: tokens.cookie };
    try {
      return await send<TokenPair>(request);
    } catch (thrown) {
      if (toError(thrown).code !== "network") throw thrown;
      await new Promise<void>((resume) => platform.after(platform.random() * ASK_AGAIN_MS, resume));
      return send<TokenPair>(request);
    }
  }

  /** Sends as the person who is signed in; a token that is refused is replaced once. */
  async function call<Answer>(request: Call): Promise<Answer> {
    const token = await accessToken();
    try {
      return await send<Answer>({ ...request, token });
    } catch (thrown) {
      if (toError(thrown).status !== 401) throw thrown;
      return send<Answer>({ ...request, token: await instead(token) });
    }
  }

  /** An access token in place of `refused`: what has come meanwhile, or what a refresh gives. */
  async function instead(refused: string): Promise<string> {
    const { accessToken: present } = signedIn();
    return present === refused ? (await refresh()).accessToken : present;
  }

  /** The socket brought an access token for the session `sessionId`. */
  function renewed(sessionId: string, fresh: FreshToken): Live | undefined {
    if (live?.sessionId !== sessionId) return undefined;
    const expiresAt = expiry(fresh);
    return set({ ...live, accessToken: fresh.access_token, expiresAt, fromSocket: true }, true);
  }

  /** The person's record is another one now. */
  function describe(user: User): void {
    if (live && live.user.id === user.id) set({ ...live, user }, true);
  }

  /** Another tab has this session. */
  function adopt(theirs: Live): void {
    const isSame = live?.sessionId === theirs.sessionId;
    const isNewer = isSame
      ? theirs.expiresAt >= (live?.expiresAt ?? 0)
      : theirs.askedAt > (live?.askedAt ?? endedAt - 1);
    if (isNewer) set(theirs, false);
  }

  /** Signs out here; `sessionId`, where given, says which session is meant. */
  function end(why: SignedOut, here = true, sessionId?: string): void {
    const last = live;
    if (sessionId !== undefined && sessionId !== last?.sessionId) return;
    live = undefined;
    turn += 1;
    endedAt = platform.now();
    parts.ended(last, why, here);
  }

  function begin(pair: TokenPair, askedAt: number): Live {
    const { access_token, session_id, user } = pair;
    const expiresAt = expiry(pair);
    return set(
      { accessToken: access_token, expiresAt, fromSocket: false, sessionId: session_id, user, askedAt },
      true,
    );
  }

  function set(next: Live, here: boolean): Live {
    if (next.sessionId !== live?.sessionId) turn += 1;
    live = next;
    parts.lives(next, here);
    return next;
  }

  function signedIn(): Live {
    if (live) return live;
    throw new PortcullisError("not_signed_in", "nobody is signed in");
  }

  /** A fifth of the life early, ten seconds at most, so that it is still good when it arrives. */
  function expiry({ expires_in }: FreshToken): number {
    return platform.now() + expires_in * 1000 - Math.min(10_000, expires_in * 200);
  }

  /** What a refused refresh says about the end of the session. */
  function endOf({ code }: PortcullisError): SignedOut["reason"] {
    if (code === "authentication_required" && !live) return "none";
    if (code === "refresh_reused") return "refresh_reused";
    return code === "session_revoked" ? "revoked" : "expired";
  }

  return {
    live: () => live,
    signIn,
    accessToken,
    renew,
    refresh,
    restore,
    call,
    instead,
    renewed,
    describe,
    adopt,
    end,
  };
}

export type Session = ReturnType<typeof createSession>;
