/**
 * What the surroundings offer: network, clock, chance, other tabs. Everything else in this package gets
 * them from here, so a server that only imports it touches nothing, and a test can bring its own.
 */
/** Keeps small texts: `localStorage`, React Native's `AsyncStorage`, or what an application brings. */
export interface KeyValueStore {
    getItem(key: string): string | null | Promise<string | null>;
    setItem(key: string, value: string): unknown;
    removeItem(key: string): unknown;
}
/** The part of `WebSocket` that is used. */
export type SocketLike = Pick<WebSocket, "onopen" | "onmessage" | "onclose" | "send" | "close">;
export type OpenSocket = (url: string, protocols: string[]) => SocketLike;
/** The part of `BroadcastChannel` that is used. */
export type ChannelLike = Pick<BroadcastChannel, "onmessage" | "postMessage" | "close">;
/** The part of a page's window, or of its popup's, that is used. */
export interface WindowLike {
    readonly location: {
        href: string;
    };
    readonly history: Pick<History, "state" | "replaceState">;
    /** Kept for this window alone, whatever address it goes to and comes back from. */
    readonly sessionStorage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
    readonly document: Pick<Document, "hasFocus">;
    readonly closed: boolean;
    open(address: string, target: string, features: string): WindowLike | null;
    close(): void;
}
/** The part of the Web Locks that is used. */
export interface LocksLike {
    request(name: string, options: {
        readonly steal?: boolean;
        readonly signal?: AbortSignal;
    }, held: () => Promise<void>): Promise<unknown>;
}
export interface Platform {
    readonly fetch: typeof globalThis.fetch;
    /** `undefined` where there are no sockets. */
    readonly openSocket: OpenSocket | undefined;
    readonly openChannel: ((name: string) => ChannelLike) | undefined;
    readonly locks: LocksLike | undefined;
    /** `undefined` where there is no page. */
    readonly window: WindowLike | undefined;
    /** What the tabs of a page share and a reload keeps. */
    readonly store: KeyValueStore;
    /** Milliseconds; only differences count. */
    now(): number;
    /** At least 0, less than 1. */
    random(): number;
    /** Runs once, later; the result takes it back. */
    after(ms: number, run: () => void): () => void;
    /** Runs when the network or the person comes back; the result takes it back. */
    onWake(run: () => void): () => void;
    isVisible(): boolean;
}
/** A store that a reload empties, for where there is no other. */
export declare function memoryStore(): KeyValueStore;
/** The surroundings of this script: a browser's, or as much of them as there is. */
export declare function thisPlatform(): Platform;
