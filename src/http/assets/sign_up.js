// Signing up: the answer is the same whether or not the address has an account, and so is this page.

import { giveWay, onSubmit } from "./form.js";
import { connect } from "./hub.js";
import { offerProviders } from "./providers.js";
import { keep } from "./return_to.js";
import { text } from "./texts.js";

const form = document.querySelector("form[data-sign-up]");
const after = document.querySelector("[data-after]");
const again = after.querySelector("form");
const hub = connect({ socket: false, autoStart: false });

offerProviders(hub, form, form.dataset.next);

onSubmit(form, async (account) => {
  await hub.signUp(account);
  keep(form.dataset.query);
  after.querySelector("[data-who]").textContent = account.email;
  again.elements.email.value = account.email;
  giveWay(form, after);
});

onSubmit(again, async ({ email }) => {
  await hub.resendActivation(email);
  return text("sent_again");
});
