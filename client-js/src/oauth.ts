/**
 * Signing in by a provider, and linking an account there: away to the hub, which sends on to the provider, and back with
 * a code in the address. A popup does the same in a window of its own, then tells the page that opened it, and closes.
 *
 * Only who began can redeem the code (PKCE, RFC 7636): the verifier stays in the session storage of that window, which no
 * other tab sees. Page and popup find each other by a channel: a provider may cut every other tie (COOP).
 */

import { ME } from "./account.js";
import type { Core } from "./core.js";
import { type ErrorCode, PortcullisError, toError } from "./errors.js";
import { segment } from "./http.js";
import { readJson } from "./json.js";
import type { TabMessages } from "./tabs.js";

/** How often a page looks whether its popup is still there. */
const LOOK_EVERY_MS = 500;

export interface ProviderOptions {
  /** The page to come back to: exactly as the hub allows it, and for a popup of this page's origin. */
  readonly redirectTo: string;
  /** In a window of its own, instead of leaving this page. Call from the listener of a click, or it is blocked. */
  readonly popup?: boolean;
  /** What to call this device in the list of sessions. */
  readonly device?: string;
}

export interface OAuthCalls {
  /**
   * Signs in by the provider with this id. Without `popup` this page is left: the promise ends once the browser is told to,
   * and after the return `signedIn` or `error` is told as always. With it the promise ends when that has been done in the
   * popup.
   */
  signInWithProvider(provider: string, options: ProviderOptions): Promise<void>;
  /** Lets the person who is signed in sign in by that provider from now on. After the return `linked` or `error` is told. */
  linkIdentity(provider: string, options: ProviderOptions): Promise<void>;
}

/** What was begun in a window, while that is elsewhere. */
interface Attempt {
  readonly redirect_to: string;
  /** Names the attempt to other tabs as well. */
  readonly code_challenge: string;
  readonly code_verifier: string;
  readonly device: string | undefined;
  readonly popup: boolean;
  readonly isLink: boolean;
}

export function createOAuth({ platform, base, name, tabs, session, failed, happen }: Core) {
  const { window } = platform;
  const { call } = session;
  const key = `${name}:oauth`;
  let returned: TabMessages["returned"] = () => {};

  async function leave(
    { popup = false, redirectTo: redirect_to, device }: ProviderOptions,
    provider: string,
    isLink: boolean,
  ): Promise<void> {
    // Before anything is waited for: a browser opens windows for a click alone.
    const target = popup ? window?.open("", "", "popup") : window;
    if (!target) throw new PortcullisError("popup_blocked");
    const code_verifier = crypto.randomUUID() + crypto.randomUUID();
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(code_verifier));
    const code_challenge = base64url(hash);
    const begin = { redirect_to, code_challenge };
    const path = segment(provider);
    try {
      const address = isLink
        ? (await call<{ url: string }>(`POST ${ME}/identities/${path}`, begin)).url
        : `${base}/api/auth/oauth/${path}/start?${new URLSearchParams(begin)}`;
      const attempt: Attempt = { ...begin, code_verifier, device, popup, isLink };
      target.sessionStorage.setItem(key, JSON.stringify(attempt));
      target.location.href = address;
      // Who goes back may find this page as it was, with whatever waits here (the back/forward cache).
      if (!popup) return;
      await new Promise<void>((resolve, reject) => {
        returned = (challenge, code) => {
          // Another tab may wait for a popup as well.
          if (challenge === code_challenge) code ? reject(new PortcullisError(code)) : resolve();
        };
        const look = () => {
          // A provider may cut the tie between its page and this one: then the popup looks closed, and is in front.
          if (target.closed && window?.document.hasFocus()) reject(new PortcullisError("popup_closed"));
          else platform.after(LOOK_EVERY_MS, look);
        };
        look();
      });
    } finally {
      if (popup) target.close();
    }
  }

  return {
    calls: {
      signInWithProvider: (provider, options) => leave(options, provider, false),
      linkIdentity: (provider, options) => leave(options, provider, true),
    } satisfies OAuthCalls,

    /** Does what other tabs ask for; a popup is one. */
    heard: { returned: (...told) => returned(...told) } satisfies Partial<TabMessages>,

    /** Finishes what was begun in this window, if it has come back: takes off the address what that has brought. */
    async resume(): Promise<void> {
      const attempt = readJson(window?.sessionStorage.getItem(key)) as Attempt | undefined;
      if (!window || !attempt) return;
      window.sessionStorage.removeItem(key);
      const { href } = window.location;
      const told = new URL(href).searchParams;
      const code = told.get("code");
      const error = told.get("error") as ErrorCode | null;
      // Another page may have a code of its own in its address.
      if (!href.startsWith(attempt.redirect_to) || (!code && !error)) return;
      window.history.replaceState(null, "", attempt.redirect_to);
      const { code_verifier, device, isLink } = attempt;
      let why: ErrorCode | undefined;
      try {
        if (error) throw new PortcullisError(error);
        if (isLink) await session.find();
        await (isLink ? call : session.signIn)("POST /api/auth/oauth/exchange", { code, code_verifier, device });
        if (isLink) happen("linked");
      } catch (thrown) {
        const reason = toError(thrown);
        failed(reason);
        why = reason.code;
      }
      if (!attempt.popup) return;
      tabs.tell("returned", attempt.code_challenge, why);
      window.close();
    },
  };
}

function base64url(bytes: ArrayBuffer): string {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
