/**
 * Where the refresh token lives, and what is still to be signed out.
 *
 * A sign-out must hold although the hub cannot be told: it leaves a tombstone, which a reload finds before it
 * looks for a session, and which stays until the hub has answered. No script can remove the HttpOnly cookie, so
 * with cookies the tombstone says that it is void; a stored token is moved into it.
 */

import { readJson } from "./json.js";
import type { TokenPair } from "./model.js";
import type { KeyValueStore } from "./platform.js";

/** What proves the session at a refresh or a sign-out: nothing in the body where the cookie does. */
export type Proof = { readonly refresh_token?: string };

/** The body of the sign-out that the hub is still to be told of. */
export interface Tombstone extends Proof {
  readonly scope: "session" | "all";
}

/** `cookie`: the refresh token is in a cookie that no script can read, and `store` holds the tombstone alone. */
export function createTokens(store: KeyValueStore, name: string, cookie: boolean) {
  const tokenKey = `${name}:refresh_token`;
  const graveKey = `${name}:signed_out`;

  /** Another tab may have kept a newer one meanwhile: an answer that comes late must not replace that. */
  const isStill = async (spent?: Proof) => !spent || (await store.getItem(tokenKey)) === spent.refresh_token;

  /** The proof of the present session, or `undefined` where there is certainly none. */
  async function present(): Promise<Proof | undefined> {
    if (cookie) return (await tombstone()) ? undefined : {};
    const token = await store.getItem(tokenKey);
    return token ? { refresh_token: token } : undefined;
  }

  async function tombstone(): Promise<Tombstone | undefined> {
    return readJson((await store.getItem(graveKey)) ?? "") as Tombstone | undefined;
  }

  /** The hub has been told. */
  async function removeTombstone(): Promise<void> {
    await store.removeItem(graveKey);
  }

  return {
    /** Whether requests are of cookie mode. */
    cookie,
    present,
    tombstone,
    removeTombstone,
    /** Keeps what a sign-in gave, or what a refresh gave for `spent`. */
    async keep({ refresh_token }: TokenPair, spent?: Proof): Promise<void> {
      // The hub has ended the session whose cookie gave way to a sign-in.
      if (cookie && !spent) await removeTombstone();
      if (refresh_token && (await isStill(spent))) await store.setItem(tokenKey, refresh_token);
    },
    /** Forgets a token that the hub does not take any more. */
    async forget(spent?: Proof): Promise<void> {
      if (await isStill(spent)) await store.removeItem(tokenKey);
    },
    /** Forgets the session, and notes that the hub has to be told. */
    async bury(scope: Tombstone["scope"]): Promise<void> {
      const proof = await present();
      if (!proof) return;
      await store.setItem(graveKey, JSON.stringify({ scope, ...proof }));
      await store.removeItem(tokenKey);
    },
  };
}

export type Tokens = ReturnType<typeof createTokens>;
