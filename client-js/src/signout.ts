/** Telling the hub that somebody has signed out, now or when it can be reached. */

import type { Core } from "./core.js";
import type { PortcullisError } from "./errors.js";
import { untilDone } from "./retry.js";
import { shared } from "./shared.js";

export function createSignOut({ platform, send, tokens, failed }: Core) {
  let stop = () => {};

  const tell = shared(async (token?: string) => {
    // Read anew each time: a sign-in in another tab makes it void.
    const tombstone = await tokens.tombstone();
    if (!tombstone) return;
    await send("POST /api/auth/logout", tombstone, { token, cookie: tokens.cookie }).catch((error: PortcullisError) => {
      // Nothing is left that could be signed out.
      if (error.status !== 401) throw error;
    });
    await tokens.removeTombstone();
  });

  /** Waits for an answer: one that came after a sign-in would take away its cookie. */
  const settled = () => tell().catch(() => {});

  return {
    settled,
    /** Sends what a tombstone says, if there is one; `token`, an access token of that session, proves it as well. */
    finish(token?: string): Promise<void> {
      stop();
      stop = untilDone(platform, () => tell(token), failed);
      return settled();
    },
    stop: () => stop(),
  };
}

export type SignOut = ReturnType<typeof createSignOut>;
