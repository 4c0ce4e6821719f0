/**
 * Signing in by a provider, and linking an account there: away to the hub, which sends on to the provider, and back with
 * a code in the address. A popup does the same in a window of its own, then tells the page that opened it, and closes.
 *
 * Only who began can redeem the code (PKCE, RFC 7636): the verifier stays in the session storage of that window.
 */
import type { Core } from "./core.js";
import { type ErrorCode } from "./errors.js";
import type { Identity, Provider } from "./model.js";
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
export declare function createOAuth({ platform, base, name, tabs, send, session, failed }: Core): {
    calls: {
        providers: () => Promise<Provider[]>;
        signInWithProvider: (provider: string, options: ProviderOptions) => Promise<void>;
        linkIdentity: (provider: string, options: ProviderOptions) => Promise<void>;
        identities: () => Promise<readonly Identity[]>;
        unlinkIdentity: (id: string) => Promise<void>;
    };
    /** Does what other tabs ask for; a popup is one. */
    heard: {
        returned: (code: ErrorCode | undefined) => void;
    };
    /** Finishes what was begun in this window, if it has come back: takes off the address what that has brought. */
    resume(): Promise<void>;
};
