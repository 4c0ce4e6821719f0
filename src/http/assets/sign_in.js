// Signing in, and what comes next: where the server says that it may lead.

import { explain, onClick, onSubmit } from "./form.js";
import { connect } from "./hub.js";
import { isReturning, offerProviders, takeNext } from "./providers.js";
import { forget, keep } from "./return_to.js";
import { text } from "./texts.js";

const form = document.querySelector("form");
const present = document.querySelector("[data-present]");
const inactive = form.querySelector("[data-inactive]");
// Where the browser holds no session there is nobody to ask for. One that begins in another tab is heard all the same.
const hub = connect({ socket: false, autoStart: "ask" in form.dataset || isReturning });
// A provider sends back without the wish: it was kept here, also for who then signs in otherwise.
const next = (isReturning && takeNext()) || form.dataset.next;
/** Until it is known what the provider has sent. */
let isBack = isReturning;
let isLeaving = isReturning;

onSubmit(form, async ({ email, password }) => {
  inactive.hidden = true;
  isLeaving = true;
  try {
    await hub.signIn({ email, password });
    goOn();
  } catch (error) {
    isLeaving = false;
    inactive.hidden = error.code !== "account_inactive";
    throw error;
  }
});

offerProviders(hub, form, next);

onClick(form.querySelector("[data-resend]"), form, async () => {
  await hub.resendActivation(form.elements.email.value);
  keep(form.dataset.query);
  return text("sent_again");
});

// Whoever is signed in already decides for themselves: a site that sends them back here would turn in a circle.
hub.on("signedIn", ({ user }) => {
  if (isBack) goOn();
  show(isLeaving ? undefined : user);
});
hub.on("error", (error) => {
  // Nobody has followed a link: it is the provider's way back that was used up.
  explain(form, isBack && error.code === "token_spent" ? { code: "sign_in_spent" } : error);
  isBack = false;
  isLeaving = false;
});
hub.on("signedOut", () => show(undefined));
present.querySelector("[data-other]").addEventListener("click", () => {
  hub.signOut().catch((error) => explain(form, error));
  form.elements.email.focus();
});

function goOn() {
  forget();
  location.assign(next);
}

function show(user) {
  present.hidden = !user;
  form.hidden = Boolean(user);
  present.querySelector("[data-who]").textContent = user?.email ?? "";
}
