/** The connection of this script: a socket of its own, or, where tabs share one, that of the tab that leads. */
import type { PortcullisError } from "./errors.js";
import type { Connection } from "./events.js";
import type { News, SignedOutFrame } from "./frames.js";
import type { SocketToken } from "./model.js";
import type { Platform, SocketLike } from "./platform.js";
import type { TabMessage, Tabs } from "./tabs.js";
export interface ConnectionParts {
    readonly platform: Platform;
    readonly openSocket: (url: string, protocols: string[]) => SocketLike;
    readonly tabs: Tabs;
    /** The name of the lock; without one, or without Web Locks, every tab has a socket of its own. */
    readonly lock: string | undefined;
    readonly socketToken: () => Promise<SocketToken>;
    readonly version: () => number | undefined;
    /** `epoch` is that of the journal that numbered the frame; `isOwn` unless another tab's socket brought it. */
    readonly heard: (frame: News | SignedOutFrame, epoch: string, isOwn: boolean) => void;
    readonly changed: (connection: Connection) => void;
    readonly failed: (error: PortcullisError) => void;
}
export declare function createConnection(parts: ConnectionParts): {
    isOwn: () => boolean;
    follow: (next: string | undefined) => void;
    hear: (message: TabMessage) => void;
    wake: () => void;
    token: () => Promise<import("./frames.js").TokenFrame> | undefined;
    reconnect: () => Promise<void>;
};
