// Asking for another password: a letter, or none, and nobody is told which.

import { giveWay, onSubmit } from "./form.js";
import { connect } from "./hub.js";
import { keep } from "./return_to.js";

const form = document.querySelector("form");
const hub = connect({ socket: false, autoStart: false });

onSubmit(form, async ({ email }) => {
  await hub.requestRecovery(email);
  keep(form.dataset.query);
  giveWay(form, document.querySelector("[data-after]"));
});
