/**
 * Signing in by a provider, and linking an account there: away to the hub, which sends on to the provider, and back with
 * a code in the address.
 *
 * Only who began can redeem the code (PKCE, RFC 7636): its verifier stays in the session storage of this window, or, for
 * a popup, in the memory of the page that opened it. The popup just passes on to that page what it was sent back with.
 */

import { type ErrorCode, PortcullisError, toError } from "./errors.js";
import { type Route, type Send, segment } from "./http.js";
import { readObject } from "./json.js";
import type { Identity, List, Provider, User } from "./model.js";
import { pause, type Platform, type WindowLike } from "./platform.js";
import type { TabMessages, Tabs } from "./tabs.js";

/** How often a page looks whether its popup is still there. */
const LOOK_EVERY_MS = 500;
/** A popup that is still there by then is a page like others. */
const CLOSED_WITHIN_MS = 5_000;

const IDENTITIES = "/api/users/me/identities";
const EXCHANGE = "POST /api/auth/oauth/exchange";

export interface ProviderOptions {
  /** The page to come back to: exactly as the hub allows it, and for a popup of this page's origin. */
  readonly redirectTo: string;
  /** In a window of its own, instead of leaving this page. Call from the listener of a click, or it is blocked. */
  readonly popup?: boolean;
}

export interface OAuthCalls {
  /** By which providers one can sign in. */
  providers(): Promise<readonly Provider[]>;
  /**
   * Signs in by the provider with this id. Without `popup` this page is left: after the return `signedIn` or `error` is
   * told as always. The promise ends for a popup alone.
   */
  signInWithProvider(provider: string, options: ProviderOptions): Promise<User>;
  /** Lets the person who is signed in sign in by that provider from now on. */
  linkIdentity(provider: string, options: ProviderOptions): Promise<Identity>;
  /** The accounts at providers by which the person can sign in. */
  identities(): Promise<readonly Identity[]>;
  /** Refused as `last_credential` where nothing else would sign in. */
  unlinkIdentity(id: string): Promise<void>;
}

export interface OAuthParts {
  readonly platform: Platform;
  readonly base: string;
  readonly name: string;
  readonly tabs: Tabs;
  readonly send: Send;
  /** Sends as the person who is signed in. */
  readonly call: Send;
  /** Signs in by a route whose answer is a token pair. */
  signIn(route: Route, body: object): Promise<User>;
  /** Finds out who was signed in before the page was left. */
  restore(): Promise<unknown>;
  failed(error: PortcullisError): void;
}

/** What the address has brought back. */
export interface Returned {
  readonly code?: string;
  readonly error?: string;
}

/** What was begun: `code_verifier` proves it; in a popup `popup`, its challenge, names it. */
interface Attempt {
  readonly code_verifier?: string;
  readonly popup?: string;
  readonly isLink?: boolean;
}

export function createOAuth({ platform, base, name, tabs, send, call, signIn, restore, failed }: OAuthParts) {
  const { window } = platform;
  const key = `${name}:oauth`;
  let pending: (Attempt & Returned) | undefined;
  let cameBack: TabMessages["returned"] = () => {};

  /** Goes to `addressOf` a code challenge. Comes back here only with a popup. */
  async function leave<Result>(
    { popup, redirectTo }: ProviderOptions,
    isLink: boolean,
    addressOf: (begin: { redirect_to: string; code_challenge: string }) => string | Promise<string>,
  ): Promise<Result> {
    // Before anything is waited for: a browser opens windows for a click alone.
    const target = popup ? window?.open("", "", "popup") : window;
    if (!target) throw new PortcullisError("popup_blocked");
    const code_verifier = crypto.randomUUID() + crypto.randomUUID();
    const code_challenge = await challengeOf(code_verifier);
    const attempt = { code_verifier, isLink };
    try {
      const address = await addressOf({ redirect_to: redirectTo, code_challenge });
      target.sessionStorage.setItem(key, JSON.stringify(popup ? { popup: code_challenge } : attempt));
      target.location.href = address;
      const returned = await new Promise<Returned>((resolve, reject) => {
        if (!popup) return;
        cameBack = (attempt, returned) => {
          if (attempt === code_challenge) resolve(returned);
        };
        const look = () => {
          // A provider may cut the tie between its page and this one: then the popup looks closed, and is in front.
          if (!target.closed || !window?.document.hasFocus()) return void platform.after(LOOK_EVERY_MS, look);
          reject(new PortcullisError("popup_closed"));
        };
        look();
      });
      return await redeem<Result>({ ...attempt, ...returned });
    } finally {
      if (popup) target.close();
    }
  }

  async function redeem<Result>({ code, error, code_verifier, isLink }: Attempt & Returned): Promise<Result> {
    if (error) throw new PortcullisError(error as ErrorCode);
    const body = { code, code_verifier };
    return (isLink ? (await call<{ identity: Identity }>(EXCHANGE, body)).identity : signIn(EXCHANGE, body)) as Result;
  }

  /** Takes off the address what it has brought back, if this window has begun something. */
  function fromAddress({ location, sessionStorage, history }: WindowLike): (Attempt & Returned) | undefined {
    const attempt = readObject(sessionStorage.getItem(key) ?? "");
    const address = new URL(location.href);
    const { code, error } = Object.fromEntries(address.searchParams);
    sessionStorage.removeItem(key);
    if (!attempt || !(code || error)) return undefined;
    address.searchParams.delete("code");
    address.searchParams.delete("error");
    history.replaceState(history.state, "", address.href);
    return { ...attempt, code, error } as Attempt & Returned;
  }

  return {
    calls: {
      providers: async () => (await send<{ providers: Provider[] }>("GET /api/auth/oauth")).providers,
      signInWithProvider: (provider, options) =>
        leave(options, false, (begin) => `${base}/api/auth/oauth/${segment(provider)}/start?${new URLSearchParams(begin)}`),
      linkIdentity: (provider, options) =>
        leave(options, true, async (begin) =>
          (await call<{ url: string }>(`POST ${IDENTITIES}/${segment(provider)}`, begin)).url),
      identities: async () => (await call<List<Identity>>(`GET ${IDENTITIES}`)).items,
      unlinkIdentity: (id) => call(`DELETE ${IDENTITIES}/${segment(id)}`),
    } satisfies OAuthCalls,

    /** Does what other tabs ask for; a popup is one. */
    heard: { returned: (popup, returned) => cameBack(popup, returned) } satisfies Partial<TabMessages>,

    /** Finishes what was begun before the page was left, if it has come back. Fails where trying again may help. */
    async resume(): Promise<void> {
      pending ??= window && fromAddress(window);
      if (!pending) return;
      const { popup, isLink, ...returned } = pending;
      try {
        if (popup) {
          tabs.send("returned", popup, returned);
          window?.close();
          await pause(platform, CLOSED_WITHIN_MS);
        } else {
          if (isLink) await restore();
          await redeem(pending);
        }
      } catch (thrown) {
        const error = toError(thrown);
        if (error.isTemporary) throw error;
        failed(error);
      }
      pending = undefined;
    },
  };
}

/** The S256 challenge of PKCE: a hash, in base64url. */
async function challengeOf(verifier: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const text = btoa(String.fromCharCode(...new Uint8Array(hash)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
}
