/** How long to wait before the next attempt: full jitter between bounds that the hub names. */

import type { Platform } from "./platform.js";

const CALM_MS = 60_000;

export function createBackoff(platform: Platform) {
  let failures = 0;
  /** When what is open now has been so for long. */
  let calmAt = Infinity;
  let retry = { min_ms: 500, max_ms: 20_000 };

  return {
    /** An attempt has succeeded; `bounds` are what the hub says. */
    opened(bounds: typeof retry): void {
      retry = bounds;
      calmAt = platform.now() + CALM_MS;
    },
    /** A random time up to a bound that doubles with each failure, and starts over after a minute of calm. */
    next(): number {
      if (platform.now() >= calmAt) failures = 0;
      calmAt = Infinity;
      return platform.random() * Math.min(retry.max_ms, retry.min_ms * 2 ** failures++);
    },
  };
}
