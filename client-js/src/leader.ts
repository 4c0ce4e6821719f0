/**
 * Which of several tabs holds the one socket: the one that has a Web Lock.
 *
 * The browser gives the lock on as soon as its tab closes. A tab that the browser has frozen keeps it and does
 * nothing, so tabs that people look at ask now and then whether it still runs, and take the lock from one that
 * does not answer. Nothing else waits for this lock: tokens are got without it.
 */

import type { Core } from "./core.js";
import type { LocksLike } from "./platform.js";

const ASK_EVERY_MS = 2_000;
const ANSWER_WITHIN_MS = 500;

/**
 * Takes part in the election. Other tabs are asked whether one leads: where one does, it answers, and then `watch` is to
 * be called. `changed` tells whether this tab leads.
 */
export function createLeader({ platform, tabs, name }: Core, locks: LocksLike, changed: (leads: boolean) => void) {
  let leads = false;
  /** Grows when this tab withdraws: a lock that it gets for an earlier turn goes on to the next tab at once. */
  let turn = 0;
  let release = () => {};
  let cancel = () => {};

  function start(steal = false): void {
    stop();
    const mine = turn;
    const held = () =>
      new Promise<void>((give) => {
        if (mine !== turn) return give();
        release = give;
        become(true);
      });
    locks.request(`${name}:socket`, { steal }, held).catch(({ name: why }: DOMException) => {
      if (mine !== turn) return;
      // Taken by another tab while this one was frozen; or else there are no locks here, and each leads alone.
      if (why === "AbortError") start();
      else become(true);
    });
    watch();
  }

  function stop(): void {
    turn += 1;
    release();
    become(false);
  }

  /** Asks in a while whether somebody leads; takes over when nobody answers. */
  function watch(): void {
    cancel();
    cancel = platform.after(ASK_EVERY_MS, () => {
      // Timers of hidden tabs come late, and nobody looks at them.
      if (!platform.isVisible()) return watch();
      tabs.tell("leads");
      cancel = platform.after(ANSWER_WITHIN_MS * (1 + platform.random()), () => start(true));
    });
  }

  function become(next: boolean): void {
    cancel();
    if (next === leads) return;
    leads = next;
    changed(next);
  }

  return { isLeading: () => leads, start, stop, watch };
}
