// The demonstration on the home page of a development server: two devices of one person, side by side.

import { showDevice } from "./demo_device.js";
import { showManager } from "./demo_manager.js";
import { makePerson } from "./demo_person.js";
import { onClick, say } from "./form.js";
import { text } from "./texts.js";

const section = document.querySelector("[data-demo]");
const find = (selector) => section.querySelector(selector);
let person;

const devices = [...document.querySelectorAll("[data-device]")].map((device) => showDevice(device, () => person));

showManager(document.querySelector("[data-manager]"), () => {
  const users = devices.map(({ client }) => client.snapshot().user);
  return users.find(Boolean);
});

// The first two places of the section are its own: those of the devices come after.
onClick(find("[data-begin]"), section, async () => {
  const tell = (words) => say(section, "done", words);
  const before = devices.filter(({ client }) => client.snapshot().user);
  await Promise.all(before.map(({ client }) => client.signOut()));
  person = await makePerson(devices[0].client, tell);
  show(person);
  tell(text("demo.signing_in"));
  await Promise.all(devices.map(({ signIn }) => signIn()));
  return text("demo.ready", { email: person.email });
});

function show({ email, password }) {
  find("[data-person]").hidden = false;
  find("[data-email]").textContent = email;
  find("[data-password]").textContent = password;
  for (const place of document.querySelectorAll("[data-address]")) place.textContent = email;
  for (const place of document.querySelectorAll("[data-secret]")) place.textContent = password;
}
