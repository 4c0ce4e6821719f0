/**
 * What the tabs of one origin tell each other. Nothing depends on it: a message that is lost costs a request.
 */
import type { Connection, SignedOut } from "./events.js";
import type { News } from "./frames.js";
import type { Platform } from "./platform.js";
import type { Live } from "./session.js";
export type TabMessage = 
/** Is anybody signed in, and how is the connection? */
{
    readonly type: "ask";
}
/** Signed in, or another access token. */
 | {
    readonly type: "live";
    readonly live: Live;
} | {
    readonly type: "ended";
    readonly sessionId: string;
    readonly why: SignedOut;
}
/** A socket has brought this. */
 | {
    readonly type: "news";
    readonly sessionId: string;
    readonly epoch: string;
    readonly frame: News;
}
/** From the tab that holds the one socket, as the next. */
 | {
    readonly type: "connection";
    readonly connection: Connection;
} | {
    readonly type: "leads";
}
/** Does that tab still run? */
 | {
    readonly type: "leads?";
};
export declare function createTabs(platform: Platform, name: string, heard: (message: TabMessage) => void): {
    /** Whether there can be others. */
    isOpen: boolean;
    send: (message: TabMessage) => void | undefined;
    close: () => void | undefined;
};
export type Tabs = ReturnType<typeof createTabs>;
