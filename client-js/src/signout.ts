/** Telling the hub that somebody has signed out, now or when it can be reached. */

import { type PortcullisError, toError } from "./errors.js";
import type { Send } from "./http.js";
import type { Platform } from "./platform.js";
import { untilDone } from "./retry.js";
import { shared } from "./shared.js";
import type { Tokens } from "./storage.js";

export interface SignOutParts {
  readonly platform: Platform;
  readonly send: Send;
  readonly tokens: Tokens;
  failed(error: PortcullisError): void;
}

export function createSignOut({ platform, send, tokens, failed }: SignOutParts) {
  const { cookie } = tokens;
  let stop = () => {};

  const tell = shared(async (token?: string) => {
    // Read anew each time: a sign-in in another tab makes it void.
    const tombstone = await tokens.tombstone();
    if (!tombstone) return;
    await send<void>("POST /api/auth/logout", tombstone, { token, cookie }).catch((thrown: unknown) => {
      // Nothing is left that could be signed out.
      if (toError(thrown).status !== 401) throw thrown;
    });
    await tokens.removeTombstone();
  });

  /** Sends what a tombstone says, if there is one; `token`, an access token of that session, proves it as well. */
  async function finish(token?: string): Promise<void> {
    try {
      await tell(token);
    } catch (thrown) {
      if (!toError(thrown).isTemporary) throw thrown;
      stop();
      stop = untilDone(platform, tell, failed);
    }
  }

  return {
    finish,
    /** Sends it before a sign-in, if it can be sent: an answer that comes later would take the new cookie away. */
    settled: () => tell().catch(() => {}),
    stop: () => stop(),
  };
}
