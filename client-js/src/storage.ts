/**
 * Where the refresh token lives, and what is still to be signed out.
 *
 * A sign-out must hold although the hub cannot be told: it leaves a tombstone, which a reload finds before it
 * looks for a session, and which stays until the hub has answered. No script can remove the HttpOnly cookie, so
 * with cookies the tombstone says that it is void; a stored token is moved into it.
 */

import type { TokenPair } from "./model.js";
import type { KeyValueStore } from "./platform.js";

/** What proves the session at a refresh or a sign-out: nothing in the body where the cookie does. */
export type Proof = { readonly refresh_token?: string };

export type EndScope = "session" | "all";

export interface Tombstone {
  readonly scope: EndScope;
  readonly proof: Proof;
}

export interface RefreshTokens {
  /** Whether requests are of cookie mode. */
  readonly cookie: boolean;
  /** The proof of the present session, or `undefined` where there is certainly none. */
  present(): Promise<Proof | undefined>;
  /** Keeps what a sign-in gave, or what a refresh gave for `spent`. */
  keep(pair: TokenPair, spent?: Proof): Promise<void>;
  /** Forgets a token that the hub does not take any more. */
  forget(spent?: Proof): Promise<void>;
  /** Forgets the session, and notes that the hub has to be told. */
  bury(scope: EndScope): Promise<void>;
  tombstone(): Promise<Tombstone | undefined>;
  /** The hub has been told. */
  removeTombstone(): Promise<void>;
}

function graveIn(store: KeyValueStore, name: string) {
  const key = `${name}:signed_out`;
  return {
    bury: async (tombstone: Tombstone) => void (await store.setItem(key, JSON.stringify(tombstone))),
    async tombstone(): Promise<Tombstone | undefined> {
      const text = await store.getItem(key);
      return text === null ? undefined : (JSON.parse(text) as Tombstone);
    },
    removeTombstone: async () => void (await store.removeItem(key)),
  };
}

/** In a cookie that no script can read. `store` holds the tombstone alone. */
export function inCookie(store: KeyValueStore, name: string): RefreshTokens {
  const grave = graveIn(store, name);
  return {
    ...grave,
    cookie: true,
    present: async () => ((await grave.tombstone()) ? undefined : {}),
    async keep(_pair, spent) {
      // The hub has ended the session whose cookie gave way to a sign-in.
      if (!spent) await grave.removeTombstone();
    },
    forget: async () => {},
    bury: (scope) => grave.bury({ scope, proof: {} }),
  };
}

/** In `store`, for applications that are not pages and for pages of another site than the hub's. */
export function inStore(store: KeyValueStore, name: string): RefreshTokens {
  const grave = graveIn(store, name);
  const key = `${name}:refresh_token`;
  // Another tab may have kept a newer one meanwhile: an answer that comes late must not replace that.
  const isStill = async (spent?: Proof) => !spent || (await store.getItem(key)) === spent.refresh_token;
  return {
    ...grave,
    cookie: false,
    async present() {
      const token = await store.getItem(key);
      return token === null ? undefined : { refresh_token: token };
    },
    async keep(pair, spent) {
      if (pair.refresh_token !== undefined && (await isStill(spent))) {
        await store.setItem(key, pair.refresh_token);
      }
    },
    async forget(spent) {
      if (await isStill(spent)) await store.removeItem(key);
    },
    async bury(scope) {
      const token = await store.getItem(key);
      if (token === null) return;
      await grave.bury({ scope, proof: { refresh_token: token } });
      await store.removeItem(key);
    },
  };
}
