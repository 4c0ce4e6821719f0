/**
 * The session of this script: an access token in memory, and how it is replaced.
 *
 * Several tabs refresh as they need to, without a lock: the hub gives the same successor to all who present the
 * same token. What one has got the others adopt.
 */

import { PortcullisError } from "./errors.js";
import type { SignedOut } from "./events.js";
import type { Route, Send } from "./http.js";
import type { TokenPair, User } from "./model.js";
import { pause, type Platform } from "./platform.js";
import { shared } from "./shared.js";
import type { Proof, Tokens } from "./storage.js";

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
  readonly tokens: Tokens;
  /** A new access token over the socket, or `undefined` where none is open. */
  overSocket(): Promise<FreshToken> | undefined;
  /** The socket gives no tokens any more: another one will. */
  reconnect(): void;
  /** The session has begun, changed, or got another access token; `here` unless another tab said so. */
  lives(live: Live, here: boolean): void;
  /** It has ended, or there is none; `last` is what it was. */
  ended(last: Live | undefined, why: SignedOut, here: boolean): void;
}

export function createSession({ platform, send, tokens, overSocket, reconnect, lives, ended }: SessionParts) {
  const { cookie } = tokens;
  let live: Live | undefined;
  let endedAt = 0;
  /** Grows when one session gives way to another, or to none: an answer to an earlier turn is not heard. */
  let turn = 0;
  let restoring: Promise<Live> | undefined;

  /** Signs in by a route whose answer is a token pair. */
  async function signIn(route: Route, body: object): Promise<User> {
    // A refusal that comes later would take the new cookie away.
    await restoring?.catch(() => {});
    const askedAt = platform.now();
    const pair = await send<TokenPair>(route, body, { cookie });
    await tokens.keep(pair);
    return begin(pair, askedAt).user;
  }

  /** An access token that is good for a while. */
  async function accessToken(): Promise<string> {
    const { accessToken, expiresAt } = signedIn();
    return platform.now() < expiresAt ? accessToken : (await renew()).accessToken;
  }

  /** Another access token: over the socket where one is open, else by a refresh. */
  const renew = shared(async () => {
    const before = live;
    let isTooOld = false;
    try {
      const fresh = await overSocket();
      if (fresh && before) return renewed(before.sessionId, fresh) ?? signedIn();
    } catch (thrown) {
      isTooOld = (thrown as PortcullisError).code === "refresh_required";
    }
    const next = await refresh();
    if (isTooOld) reconnect();
    return next;
  });

  /** Spends the refresh token. */
  async function refresh(): Promise<Live> {
    // Whoever has signed out while something else was awaited must not be signed in again by it.
    signedIn();
    return restore();
  }

  /** Spends the refresh token, if there is one. */
  const restore = shared(() => (restoring = spend(turn)));

  async function spend(asked: number): Promise<Live> {
    const proof = await tokens.present();
    const askedAt = platform.now();
    try {
      if (!proof) throw new PortcullisError("authentication_required", undefined, { status: 401 });
      const pair = await sendProof(proof);
      // Signed out, or in as somebody else, while the answer was on its way: it comes too late.
      if (asked !== turn) return signedIn();
      await tokens.keep(pair, proof);
      return begin(pair, askedAt);
    } catch (thrown) {
      const error = thrown as PortcullisError;
      if (asked !== turn) return signedIn();
      if (error.status !== 401) throw error;
      // Another tab has signed in, or refreshed, since.
      const stored = await tokens.present();
      if (proof && stored && stored.refresh_token !== proof.refresh_token) return spend(asked);
      await tokens.forget(proof);
      // Only here does somebody count as signed out without having been told so.
      end({ reason: endOf(error) });
      throw error;
    }
  }

  /** Where no answer came, the same token is presented once more: the hub answers both alike. */
  function sendProof(proof: Proof): Promise<TokenPair> {
    const attempt = () => send<TokenPair>("POST /api/auth/refresh", proof, { cookie });
    return attempt().catch(async (error: PortcullisError) => {
      if (error.code !== "network") throw error;
      await pause(platform, platform.random() * ASK_AGAIN_MS);
      return attempt();
    });
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

  /** The socket brought an access token for the session `sessionId`. */
  function renewed(sessionId: string, fresh: FreshToken): Live | undefined {
    if (live?.sessionId !== sessionId) return undefined;
    return set({ ...live, accessToken: fresh.access_token, expiresAt: expiry(fresh), fromSocket: true });
  }

  /** The person's record is another one now. */
  function describe(user: User): void {
    if (live?.user.id === user.id) set({ ...live, user });
  }

  /** Another tab has this session. */
  function adopt(theirs: Live): void {
    const isNewer =
      live?.sessionId === theirs.sessionId
        ? theirs.expiresAt >= live.expiresAt
        : theirs.askedAt > (live?.askedAt ?? endedAt - 1);
    if (isNewer) set(theirs, false);
  }

  /** Signs out here; `sessionId`, where given, says which session is meant. */
  function end(why: SignedOut, sessionId = live?.sessionId, here = true): void {
    const last = live;
    if (sessionId !== last?.sessionId) return;
    live = undefined;
    turn += 1;
    endedAt = platform.now();
    ended(last, why, here);
  }

  function begin(pair: TokenPair, askedAt: number): Live {
    const { access_token: accessToken, session_id: sessionId, user } = pair;
    return set({ accessToken, expiresAt: expiry(pair), fromSocket: false, sessionId, user, askedAt });
  }

  function set(next: Live, here = true): Live {
    if (next.sessionId !== live?.sessionId) turn += 1;
    live = next;
    lives(next, here);
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
    if (code === "authentication_required" && !live) return "none";
    if (code === "refresh_reused") return code;
    return code === "session_revoked" ? "revoked" : "expired";
  }

  return { live: () => live, signIn, accessToken, renew, refresh, restore, withToken, call, renewed, describe, adopt, end };
}

export type Session = ReturnType<typeof createSession>;
