/** How long to wait before the next attempt: full jitter between bounds that the hub names. */

import type { Platform } from "./platform.js";

const CALM_MS = 60_000;

export function createBackoff(platform: Platform) {
  let failures = 0;
  let openedAt = Number.POSITIVE_INFINITY;
  let least = 500;
  let most = 20_000;

  return {
    /** An attempt has succeeded; `min` and `max` are what the hub says. */
    opened(min: number, max: number): void {
      least = min;
      most = max;
      openedAt = platform.now();
    },
    /** A random time up to a bound that doubles with each failure, and starts over after a minute of calm. */
    next(): number {
      if (platform.now() - openedAt >= CALM_MS) failures = 0;
      openedAt = Number.POSITIVE_INFINITY;
      const bound = Math.min(most, least * 2 ** failures);
      failures += 1;
      return platform.random() * bound;
    },
  };
}
