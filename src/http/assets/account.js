// One's own account. What changes elsewhere is shown at once: the socket tells.

import { inWords, onClick, onSubmit } from "./form.js";
import { connect, root } from "./hub.js";
import { showIdentities } from "./identities.js";
import { showSessions } from "./sessions.js";
import { text } from "./texts.js";

const hub = connect();
const find = (selector) => document.querySelector(selector);
const forms = Object.fromEntries([...document.querySelectorAll("form")].map((form) => [form.dataset.form, form]));
const account = find("[data-account]");
const ended = find("[data-ended]");
const { refresh } = showSessions(hub, find("[data-sessions]").closest("section"));
const identities = showIdentities(hub, find("[data-ways]"));

hub.on("signedIn", ({ user }) => {
  find("[data-waiting]").hidden = true;
  ended.hidden = true;
  account.hidden = false;
  forms.profile.elements.name.value = user.name ?? "";
  forms.password.elements.username.value = user.email;
  refresh();
  identities.refresh();
});

hub.on("signedOut", ({ reason, message }) => {
  if (reason === "none") return location.replace(`${root}/sign-in`);
  account.hidden = true;
  for (const form of Object.values(forms)) form.reset();
  ended.querySelector("[data-why]").textContent = message ?? text(`ended.${reason}`);
  ended.hidden = false;
  ended.focus();
});

hub.subscribe(() => {
  const { user } = hub.snapshot();
  if (!user) return;
  find("[data-who]").textContent = user.name ? `${user.name} · ${user.email}` : user.email;
  find("[data-role]").textContent = user.site_role;
});

// What was said of the network is taken back when it is there again, and nothing else that stands there.
const away = text("problems.network");
hub.on("connection", ({ state }) => {
  const trouble = find("[data-trouble]");
  if (state === "waiting") trouble.textContent = away;
  else if (trouble.textContent === away) trouble.textContent = "";
});
hub.on("error", report);

find("[data-sign-out]").addEventListener("click", () => hub.signOut().catch(report));

function report(error) {
  find("[data-trouble]").textContent = inWords(error);
}

onSubmit(forms.profile, async ({ name = "" }) => {
  await hub.updateUser({ name: name.trim() || null });
  return text("saved");
});

onSubmit(forms.password, async ({ current_password, new_password }) => {
  await hub.changePassword({ current_password, new_password });
  forms.password.reset();
  refresh();
  return text("password_changed");
});

onSubmit(forms.email, async ({ email, password }) => {
  await hub.requestEmailChange({ email, password });
  forms.email.reset();
  return text("email_asked");
});

onSubmit(forms.delete, ({ password }) => hub.deleteUser(password));

const exporting = find("[data-export]");
onClick(exporting, exporting.parentElement, async () => {
  const data = JSON.stringify(await hub.exportData(), null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data], { type: "application/json" }));
  link.download = "account.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
