/**
 * Which of several tabs holds the one socket: the one that has a Web Lock.
 *
 * The browser gives the lock on as soon as its tab closes. A tab that the browser has frozen keeps it and does
 * nothing, so tabs that people look at ask now and then whether it still runs, and take the lock from one that
 * does not answer. Nothing else waits for this lock: tokens are got without it.
 */
import type { Core } from "./core.js";
import type { LocksLike } from "./platform.js";
/**
 * Takes part in the election. Other tabs are asked whether one leads: where one does, it answers, and then `watch` is to
 * be called. `changed` tells whether this tab leads.
 */
export declare function createLeader({ platform, tabs, name }: Core, locks: LocksLike, changed: (leads: boolean) => void): {
    isLeading: () => boolean;
    start: (steal?: boolean) => void;
    stop: () => void;
    watch: () => void;
};
