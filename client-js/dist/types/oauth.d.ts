/**
 * Signing in by a provider, and linking an account there: away to the hub, which sends on to the provider, and back with
 * a code in the address. A popup does the same in a window of its own, then tells the page that opened it, and closes.
 *
 * Only who began can redeem the code (PKCE, RFC 7636): the verifier stays in the session storage of that window, which no
 * other tab sees. Page and popup find each other by a channel: a provider may cut every other tie (COOP).
 */
import type { Core } from "./core.js";
import { type ErrorCode } from "./errors.js";
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
export declare function createOAuth({ platform, base, name, tabs, session, failed, happen }: Core): {
    calls: {
        signInWithProvider: (provider: string, options: ProviderOptions) => Promise<void>;
        linkIdentity: (provider: string, options: ProviderOptions) => Promise<void>;
    };
    /** Does what other tabs ask for; a popup is one. */
    heard: {
        returned: (challenge: string, error?: ErrorCode | undefined) => void;
    };
    /** Finishes what was begun in this window, if it has come back: takes off the address what that has brought. */
    resume(): Promise<void>;
};
