/** Something that has to be done however long the network is away. */
import { type PortcullisError } from "./errors.js";
import type { Platform } from "./platform.js";
/**
 * Attempts now, and while that fails for a reason that passes, again after a while or when the network is
 * back. The result ends it.
 */
export declare function untilDone(platform: Platform, attempt: () => Promise<unknown>, failed: (error: PortcullisError) => void): () => void;
