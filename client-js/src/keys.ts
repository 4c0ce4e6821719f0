/** The hub's public keys: fetched when they are needed, kept for as long as the hub allows. */

import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { PortcullisError } from "./errors.js";
import type { Send } from "./http.js";

/** The hub lets the set be cached for five minutes. A key that it withdraws is believed no longer than that. */
const KEPT_MS = 5 * 60_000;
/** A key that is not there is looked for no more often than this, whatever tokens name it. */
const LOOK_AGAIN_MS = 5_000;

interface KeySet {
  readonly keys: readonly (JsonWebKey & { readonly kid?: string; readonly alg?: string; readonly use?: string })[];
}

export function createKeys(send: Send, now: () => number) {
  let keys = new Map<string, KeyObject>();
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;

  async function fetchKeys(): Promise<void> {
    triedAt = now();
    const set = await send<KeySet>("GET /.well-known/jwks.json");
    const usable = set.keys.filter((key) => key.kty === "OKP" && key.crv === "Ed25519" && key.kid !== undefined);
    keys = new Map(usable.map((key) => [key.kid ?? "", createPublicKey({ key, format: "jwk" })]));
    fetchedAt = triedAt;
  }

  /** The key `kid`, or `undefined` where the hub has none of that name. */
  return async (kid: string): Promise<KeyObject | undefined> => {
    const isStale = now() - fetchedAt >= KEPT_MS;
    const mayLook = now() - triedAt >= LOOK_AGAIN_MS;
    if (fetching || isStale || (!keys.has(kid) && mayLook)) {
      if (!fetching && !mayLook) {
        throw new PortcullisError("unavailable", "the hub's keys cannot be fetched", { status: 503 });
      }
      fetching ??= fetchKeys().finally(() => {
        fetching = undefined;
      });
      await fetching;
    }
    return keys.get(kid);
  };
}
