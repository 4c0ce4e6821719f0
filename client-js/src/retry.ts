/** Something that has to be done however long the network is away. */

import { createBackoff } from "./backoff.js";
import { type PortcullisError, toError } from "./errors.js";
import type { Platform } from "./platform.js";

/**
 * Attempts now, and while that fails for a reason that passes, again after a while or when the network is
 * back. The result ends it.
 */
export function untilDone(
  platform: Platform,
  attempt: () => Promise<unknown>,
  failed: (error: PortcullisError) => void,
): () => void {
  const backoff = createBackoff(platform);
  let running = false;
  let notBefore = 0;
  let cancel = () => {};
  const stop = () => {
    running = true; // and stays so: nothing begins any more
    cancel();
    forgetWake();
  };
  const run = async () => {
    if (running || platform.now() < notBefore) return;
    running = true;
    cancel();
    try {
      await attempt();
      stop();
    } catch (thrown) {
      const error = toError(thrown);
      if (!error.isTemporary) {
        stop();
        failed(error);
        return;
      }
      const named = error.retryAfterMs ?? 0;
      notBefore = platform.now() + named;
      cancel = platform.after(named + backoff.next(), run);
      running = false;
    }
  };
  const forgetWake = platform.onWake(run);
  void run();
  return stop;
}
