// Signing in with a provider: away from here, and back to the sign-in page, which goes on to where somebody wanted to go.
// A browser that keeps nothing leads to the account.

import { attempt } from "./attempt.js";
import { onClick } from "./form.js";
import { base } from "./hub.js";

const key = `portcullis:${base}:next`;

/** Whether a provider has just sent the browser back here. */
export const isReturning = ["code", "error"].some((name) => new URLSearchParams(location.search).has(name));

/** Lets the buttons of `place` sign in, and go on to `next` then: an address that the server has let pass. */
export function offerProviders(hub, place, next) {
  for (const button of place.querySelectorAll("[data-provider]")) {
    onClick(button, place, async () => {
      attempt(() => sessionStorage.setItem(key, next));
      await hub.signInWithProvider(button.dataset.provider, { redirectTo: `${base}/sign-in` });
    });
  }
}

/** Where to go on to, once. */
export function takeNext() {
  const next = attempt(() => sessionStorage.getItem(key));
  attempt(() => sessionStorage.removeItem(key));
  return next || undefined;
}
