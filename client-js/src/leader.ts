/**
 * Which of several tabs holds the one socket: the one that has a Web Lock.
 *
 * The browser gives the lock on as soon as its tab closes. A tab that the browser has frozen keeps it and does
 * nothing, so tabs that people look at ask now and then whether it still runs, and take the lock from one that
 * does not answer. Nothing else waits for this lock: tokens are got without it.
 */

import type { LocksLike, Platform } from "./platform.js";

const ASK_EVERY_MS = 2_000;
const ANSWER_WITHIN_MS = 500;

/**
 * Takes part in the election for the lock `name`. `ask` asks the other tabs whether one leads: where one does, it
 * answers, and `heard` is called. `changed` tells whether this tab leads.
 */
export function createLeader(
  platform: Platform,
  locks: LocksLike,
  name: string,
  ask: () => void,
  changed: (leads: boolean) => void,
) {
  let leads = false;
  let running = false;
  let turn = 0;
  let release = () => {};
  let abort = new AbortController();
  let cancel = () => {};

  function start(): void {
    if (running) return;
    running = true;
    queue();
    watch();
  }

  function stop(): void {
    running = false;
    cancel();
    withdraw();
  }

  /** The tab that leads has answered. */
  function heard(): void {
    if (running && !leads) watch();
  }

  function queue(steal = false): void {
    turn += 1;
    const mine = turn;
    abort = new AbortController();
    const held = () =>
      new Promise<void>((give) => {
        if (mine !== turn) return give();
        release = give;
        cancel();
        become(true);
      });
    // Rejected: withdrawn, or taken by another tab while this one was frozen.
    const lost = () => {
      if (mine !== turn) return;
      become(false);
      queue();
      watch();
    };
    // A lock that is stolen cannot be waited for as well.
    locks.request(name, steal ? { steal } : { signal: abort.signal }, held).then(lost, lost);
  }

  function withdraw(): void {
    turn += 1;
    abort.abort();
    release();
    become(false);
  }

  /** Asks in a while whether somebody leads; takes over when nobody answers. */
  function watch(): void {
    cancel();
    cancel = platform.after(ASK_EVERY_MS, () => {
      // Timers of hidden tabs come late, and nobody looks at them.
      if (!platform.isVisible()) return watch();
      ask();
      cancel = platform.after(ANSWER_WITHIN_MS * (1 + platform.random()), () => {
        withdraw();
        queue(true);
      });
    });
  }

  function become(next: boolean): void {
    if (next === leads) return;
    leads = next;
    changed(next);
  }

  return {
    leads: () => leads,
    start,
    stop,
    heard,
  };
}
