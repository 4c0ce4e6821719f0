/** The client: what an application calls, and how the parts hang together. */
import { type AccountCalls } from "./account.js";
import { type Events, type Snapshot } from "./events.js";
import type { User } from "./model.js";
import { type OAuthCalls } from "./oauth.js";
import type { KeyValueStore, OpenSocket, Platform } from "./platform.js";
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
    signIn(who: {
        readonly email: string;
        readonly password: string;
        readonly device?: string;
    }): Promise<User>;
    /**
     * `session` (unless set) and `all` sign out here at once; when the hub cannot be reached it is told later, also
     * after a reload. `others` leaves this session alone, and throws when it could not be done.
     */
    signOut(options?: {
        readonly scope?: "session" | "others" | "all";
    }): Promise<void>;
    /** An access token that is good for some seconds at least, for a request of one's own. */
    accessToken(): Promise<string>;
    /**
     * `fetch` with the access token; at a 401 it gets another one and tries once more. Where there is none, the 401 is the
     * answer, an empty one where nobody is signed in, and `signedOut` or `error` says why.
     */
    fetch: typeof globalThis.fetch;
}
export declare function createClientOn(platform: Platform, options: ClientOptions): Client;
