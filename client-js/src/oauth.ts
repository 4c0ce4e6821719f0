/**
 * Signing in by a provider, and linking an account there: away to the hub, which sends on to the provider, and back with
 * a code in the address. A popup does the same in a window of its own, then tells the page that opened it, and closes.
 *
 * Only who began can redeem the code (PKCE, RFC 7636): the verifier stays in the session storage of that window.
 */

import type { Core } from "./core.js";
import { type ErrorCode, PortcullisError, toError } from "./errors.js";
import { segment } from "./http.js";
import { readJson } from "./json.js";
import type { Identity, List, Provider } from "./model.js";
import type { TabMessages } from "./tabs.js";

/** How often a page looks whether its popup is still there. */
const LOOK_EVERY_MS = 500;

const IDENTITIES = "/api/users/me/identities";

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
   * told as always. With it the promise ends when that has been done in the popup.
   */
  signInWithProvider(provider: string, options: ProviderOptions): Promise<void>;
  /** Lets the person who is signed in sign in by that provider from now on. */
  linkIdentity(provider: string, options: ProviderOptions): Promise<void>;
  /** The accounts at providers by which the person can sign in. */
  identities(): Promise<readonly Identity[]>;
  /** Refused as `last_credential` where nothing else would sign in. */
  unlinkIdentity(id: string): Promise<void>;
}

/** What was begun in a window, while that is elsewhere. */
interface Attempt {
  readonly code_verifier: string;
  readonly redirectTo: string;
  readonly popup: boolean;
  readonly isLink: boolean;
}

/** What the address brings back. */
interface Returned {
  readonly code?: string;
  readonly error?: ErrorCode;
}

export function createOAuth({ platform, base, name, tabs, send, session, failed }: Core) {
  const { window } = platform;
  const { call } = session;
  const key = `${name}:oauth`;
  let returned: TabMessages["returned"] = () => {};

  async function leave(
    { popup = false, redirectTo }: ProviderOptions,
    provider: string,
    isLink: boolean,
  ): Promise<void> {
    // Before anything is waited for: a browser opens windows for a click alone.
    const target = popup ? window?.open("", "", "popup") : window;
    if (!target) throw new PortcullisError("popup_blocked");
    const code_verifier = crypto.randomUUID() + crypto.randomUUID();
    const begin = { redirect_to: redirectTo, code_challenge: await challengeOf(code_verifier) };
    const path = segment(provider);
    try {
      const address = isLink
        ? (await call<{ url: string }>(`POST ${IDENTITIES}/${path}`, begin)).url
        : `${base}/api/auth/oauth/${path}/start?${new URLSearchParams(begin)}`;
      const attempt: Attempt = { code_verifier, redirectTo, popup, isLink };
      target.sessionStorage.setItem(key, JSON.stringify(attempt));
      target.location.href = address;
      await new Promise<void>((resolve, reject) => {
        const finish = (code?: ErrorCode) => (code ? reject(new PortcullisError(code)) : resolve());
        returned = finish;
        const look = () => {
          // A provider may cut the tie between its page and this one: then the popup looks closed, and is in front.
          if (target.closed && window?.document.hasFocus()) finish("popup_closed");
          else platform.after(LOOK_EVERY_MS, look);
        };
        if (popup) look();
      });
    } finally {
      if (popup) target.close();
    }
  }

  return {
    calls: {
      providers: async () => (await send<{ providers: Provider[] }>("GET /api/auth/oauth")).providers,
      signInWithProvider: (provider, options) => leave(options, provider, false),
      linkIdentity: (provider, options) => leave(options, provider, true),
      identities: async () => (await call<List<Identity>>(`GET ${IDENTITIES}`)).items,
      unlinkIdentity: (id) => call(`DELETE ${IDENTITIES}/${segment(id)}`),
    } satisfies OAuthCalls,

    /** Does what other tabs ask for; a popup is one. */
    heard: { returned: (code) => returned(code) } satisfies Partial<TabMessages>,

    /** Finishes what was begun in this window, if it has come back: takes off the address what that has brought. */
    async resume(): Promise<void> {
      const attempt = readJson(window?.sessionStorage.getItem(key) ?? "") as Attempt | undefined;
      if (!window || !attempt) return;
      window.sessionStorage.removeItem(key);
      const { code, error } = Object.fromEntries(new URL(window.location.href).searchParams) as Returned;
      if (!code && !error) return;
      const { code_verifier, redirectTo, popup, isLink } = attempt;
      window.history.replaceState(null, "", redirectTo);
      let why: ErrorCode | undefined;
      try {
        if (error) throw new PortcullisError(error);
        if (isLink) await session.find();
        await (isLink ? call : session.signIn)("POST /api/auth/oauth/exchange", { code, code_verifier });
      } catch (thrown) {
        const reason = toError(thrown);
        failed(reason);
        why = reason.code;
      }
      if (!popup) return;
      tabs.tell("returned", why);
      window.close();
    },
  };
}

/** The S256 challenge of PKCE: a hash, in base64url. */
async function challengeOf(verifier: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const text = btoa(String.fromCharCode(...new Uint8Array(hash)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
}
