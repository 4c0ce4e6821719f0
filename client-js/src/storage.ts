/**
 * Where the refresh token lives, and what is still to be signed out.
 *
 * A sign-out must hold although the hub cannot be told: it leaves a tombstone, which a reload finds before it
 * looks for a session, and which stays until the hub has answered. No script can remove the HttpOnly cookie, so
 * with cookies the tombstone says that it is void; a stored token is moved into it.
 *
 * A store that is full or forbidden keeps nobody from signing in or out: what it refuses, this script remembers.
 */

import { PortcullisError } from "./errors.js";
import { readJson } from "./json.js";
import type { KeyValueStore } from "./platform.js";

/** What proves the session at a refresh or a sign-out: nothing in the body where the cookie does. */
export type Proof = { readonly refresh_token?: string };

/** The body of the sign-out that the hub is still to be told of. */
export interface Tombstone extends Proof {
  readonly scope: "session" | "all";
}

/** `cookie`: the refresh token is in a cookie that no script can read, and `store` holds the tombstone alone. */
export function createTokens(
  store: KeyValueStore,
  name: string,
  cookie: boolean,
  failed: (error: PortcullisError) => void,
) {
  const tokenKey = `${name}:refresh_token`;
  const graveKey = `${name}:signed_out`;
  /** What the store has not taken, or not taken away. */
  const refused = new Map<string, string | undefined>();

  async function attempt<Result>(run: () => Result): Promise<Awaited<Result> | undefined> {
    try {
      return await run();
    } catch (cause) {
      failed(new PortcullisError("storage_refused", String(cause), { cause }));
      return undefined;
    }
  }

  async function read(key: string): Promise<string | null | undefined> {
    return refused.has(key) ? refused.get(key) : attempt(() => store.getItem(key));
  }

  /** Without a `value` there is none any more. */
  function write(key: string, value?: string): Promise<unknown> {
    refused.set(key, value);
    return attempt(async () => {
      await (value ? store.setItem(key, value) : store.removeItem(key));
      refused.delete(key);
    });
  }

  /** The proof of the present session, or `undefined` where there is certainly none. */
  async function present(): Promise<Proof | undefined> {
    if (cookie) return (await tombstone()) ? undefined : {};
    const token = await read(tokenKey);
    return token ? { refresh_token: token } : undefined;
  }

  const tombstone = async () => readJson(await read(graveKey)) as Tombstone | undefined;

  /** The hub has been told. */
  const removeTombstone = () => write(graveKey);

  return {
    /** Whether requests are of cookie mode. */
    cookie,
    present,
    tombstone,
    removeTombstone,
    /** Keeps `token`, or none, in place of any other, or of `spent` alone. */
    async keep(token?: string, spent?: Proof): Promise<void> {
      // Another tab may have kept a newer one meanwhile: an answer that comes late must not replace that.
      if (!spent || (await read(tokenKey)) === spent.refresh_token) await write(tokenKey, token);
    },
    /** Forgets the session, and notes that the hub has to be told. */
    async bury(scope: Tombstone["scope"]): Promise<void> {
      const proof = await present();
      if (!proof) return;
      await write(graveKey, JSON.stringify({ scope, ...proof }));
      await write(tokenKey);
    },
  };
}

export type Tokens = ReturnType<typeof createTokens>;
