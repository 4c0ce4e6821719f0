/** Telling the hub that somebody has signed out, now or when it can be reached. */

import { type PortcullisError, toError } from "./errors.js";
import type { Send } from "./http.js";
import type { Platform } from "./platform.js";
import { untilDone } from "./retry.js";
import type { RefreshTokens } from "./storage.js";

export interface SignOutParts {
  readonly platform: Platform;
  readonly send: Send;
  readonly tokens: RefreshTokens;
  failed(error: PortcullisError): void;
}

export function createSignOut({ platform, send, tokens, failed }: SignOutParts) {
  let sending: Promise<void> | undefined;
  let stop = () => {};

  /** Sends what a tombstone says, if there is one; `token`, an access token of that session, proves it as well. */
  async function finish(token?: string): Promise<void> {
    try {
      await once(token);
    } catch (thrown) {
      const error = toError(thrown);
      if (!error.isTemporary) throw error;
      stop();
      stop = untilDone(platform, once, failed);
    }
  }

  function once(token?: string): Promise<void> {
    sending ??= tell(token).finally(() => {
      sending = undefined;
    });
    return sending;
  }

  async function tell(token?: string): Promise<void> {
    // Read anew each time: a sign-in in another tab makes it void.
    const tombstone = await tokens.tombstone();
    if (!tombstone) return;
    const { scope, proof } = tombstone;
    const body = { scope, ...proof };
    try {
      await send({ method: "POST", path: "/api/auth/logout", body, token, cookie: tokens.cookie });
    } catch (thrown) {
      // Nothing is left that could be signed out.
      if (toError(thrown).status !== 401) throw thrown;
    }
    await tokens.removeTombstone();
  }

  return {
    finish,
    /** Waits for a request under way: its answer would take away the cookie of a new sign-in. */
    settled: () => sending?.catch(() => {}),
    stop: () => stop(),
  };
}
