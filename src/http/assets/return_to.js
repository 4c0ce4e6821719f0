// Where somebody wanted to go, kept on its way through a letter: the link in it opens a tab that knows of no other, and says
// nothing of it.
//
// What is kept is the query that the server has let pass. It is only ever put behind `/sign-in`, where the server looks at it
// again (T22), so whoever could change it here gains nothing. A browser that keeps nothing leads to the account.

import { attempt } from "./attempt.js";

/** A link in a letter is good for a day. */
const DAY_MS = 24 * 3600 * 1000;

const key = () => `portcullis:${document.body.dataset.hub}:return_to`;

/** Keeps `query`, as "?return_to=%2Fcart"; an empty one ends what was kept before. */
export function keep(query) {
  if (query) attempt(() => localStorage.setItem(key(), JSON.stringify({ query, until: Date.now() + DAY_MS })));
  else forget();
}

/** The query for `/sign-in`; empty without a wish. */
export function kept() {
  const { query, until } = attempt(() => JSON.parse(localStorage.getItem(key()))) ?? {};
  const isQuery = typeof query === "string" && query.startsWith("?return_to=");
  return isQuery && Date.now() < until ? query : "";
}

/** Somebody has signed in, and is led there or elsewhere. */
export function forget() {
  attempt(() => localStorage.removeItem(key()));
}
