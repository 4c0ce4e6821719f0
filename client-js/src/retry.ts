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
  let isBusy = false;
  let isOver = false;
  let notBefore = 0;
  let cancel = () => {};

  function stop(): void {
    isOver = true;
    cancel();
    forgetWake();
  }

  async function run(): Promise<void> {
    if (isBusy || platform.now() < notBefore) return;
    isBusy = true;
    cancel();
    const error = await attempt().then(() => undefined, toError);
    if (isOver) return;
    if (!error?.isTemporary) {
      stop();
      if (error) failed(error);
      return;
    }
    const { retryAfterMs } = error;
    notBefore = platform.now() + retryAfterMs;
    cancel = platform.after(retryAfterMs + backoff.next(), run);
    isBusy = false;
  }

  const forgetWake = platform.onWake(run);
  void run();
  return stop;
}
