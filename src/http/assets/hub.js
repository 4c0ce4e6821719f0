// The hub that this page belongs to, as its client knows it: the session lives in a cookie that no script can read.

import { createClient } from "../client.js";

/** The path before every address of the hub: mostly empty. */
export const { root } = document.body.dataset;

/** The hub's public address. */
export const base = document.body.dataset.hub;

/** A client of this very hub. */
export function connect(options = {}) {
  return createClient({ url: base, ...options });
}
