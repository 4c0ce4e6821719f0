// Somebody for the demonstration: an account with a made-up address, made active by the letter that it got.

import { text } from "./texts.js";
import { root } from "./hub.js";

const LOOKS = 40;
const BETWEEN_MS = 250;

/** Signs somebody up with `client`, tells of each step, and gives back address and password. */
export async function makePerson(client, tell) {
  const email = `demo-${random(4)}@example.org`;
  const password = `demo ${random(12)}`;
  tell(text("demo.registering", { email }));
  await client.signUp({ email, password, name: "Demo" });
  tell(text("demo.activating"));
  await client.activate(await mailedToken(email));
  return { email, password };
}

function random(bytes) {
  const bits = crypto.getRandomValues(new Uint8Array(bytes));
  return [...bits].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The token in the letter, which a job of the server sends in a moment. */
async function mailedToken(email) {
  for (let look = 0; look < LOOKS; look += 1) {
    const answer = await fetch(`${root}/dev/mailbox.json`, { cache: "no-store" });
    // It is there in development alone, and for this machine.
    if (!answer.ok) throw { message: text("demo.no_mailbox") };
    const { items } = await answer.json();
    const letter = items.find(({ to, token }) => to === email && token);
    if (letter) return letter.token;
    await new Promise((resume) => setTimeout(resume, BETWEEN_MS));
  }
  throw { message: text("demo.no_letter") };
}
