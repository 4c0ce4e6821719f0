/** How long to wait before the next attempt: full jitter between bounds that the hub names. */
import type { Platform } from "./platform.js";
export declare function createBackoff(platform: Platform): {
    /** An attempt has succeeded; `bounds` are what the hub says. */
    opened(bounds: {
        min_ms: number;
        max_ms: number;
    }): void;
    /** A random time up to a bound that doubles with each failure, and starts over after a minute of calm. */
    next(): number;
};
