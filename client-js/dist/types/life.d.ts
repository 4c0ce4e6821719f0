/** What the application is shown of the session: how it begins and ends, and what the hub tells of it. */
import type { Core } from "./core.js";
import type { SignedOut } from "./events.js";
import type { News } from "./frames.js";
import type { Live } from "./session.js";
export declare function createLife(core: Core): {
    /** The session has begun, changed, or got another access token; `here` unless another tab said so. */
    lives(live: Live, here: boolean): void;
    /** It has ended, or there is none; `last` is what it was. */
    ended(last: Live | undefined, why: SignedOut, here: boolean): void;
    /** What the hub has decided. `journal` numbered it; `isOwn`: this tab's socket brought it. */
    told(frame: News, journal: string, isOwn: boolean): void;
    stop: () => void;
};
export type Life = ReturnType<typeof createLife>;
