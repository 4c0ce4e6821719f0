// One device of the demonstration: a client with a session of its own, and what passes between it and the hub.

import { createClient, memoryStore } from "../client.js";
import { layCable } from "./demo_cable.js";
import { explain, onClick } from "./form.js";
import { text } from "./texts.js";

const MOST_FRAMES = 100;
/** What is longer is a token. */
const LONGEST = 60;
const ARROWS = { in: "←", out: "→", closed: "×", note: "·" };

/** The device in `section`; `person()` is who signs in at it. */
export function showDevice(section, person) {
  const part = (name) => section.querySelector(`[data-${name}]`);
  const button = (name) => section.querySelector(`[data-do="${name}"]`);
  const label = section.querySelector("h3").textContent;
  const cable = layCable(section.dataset.device, show);
  const client = cable.around(() =>
    createClient({ url: cable.url, storage: memoryStore(), tabs: "alone", autoStart: false }),
  );

  function draw() {
    const { user, state, connection } = client.snapshot();
    part("status").textContent = user?.email ?? text("demo.nobody");
    part("status").dataset.on = String(Boolean(user));
    part("role").textContent = user ? [state?.role ?? user.site_role, ...(state?.permissions ?? [])].join(", ") : "–";
    part("socket").textContent = text(`demo.states.${connection.state}`);
    part("socket").dataset.state = connection.state;
    button("sign_in").hidden = Boolean(user);
    button("sign_out").hidden = button("sign_out_all").hidden = !user;
  }

  function show(direction, data) {
    const line = document.createElement("li");
    line.dataset.direction = direction;
    line.textContent = `${ARROWS[direction]} ${shortened(data)}`;
    const frames = part("frames");
    frames.prepend(line);
    while (frames.children.length > MOST_FRAMES) frames.lastElementChild.remove();
  }

  async function signIn() {
    const { email, password } = person() ?? {};
    if (!email) throw { message: text("demo.no_person") };
    await client.signIn({ email, password, device: label });
  }

  client.subscribe(draw);
  client.on("signedOut", ({ reason }) => show("note", text("demo.signed_out", { reason })));
  client.on("error", (error) => explain(section, error));
  onClick(button("sign_in"), section, signIn);
  onClick(button("sign_out"), section, () => client.signOut());
  onClick(button("sign_out_all"), section, () => client.signOut({ scope: "all" }));
  button("clear").addEventListener("click", () => part("frames").replaceChildren());
  button("pull").addEventListener("click", () => {
    const isPulled = !cable.isPulled();
    button("pull").ariaPressed = String(isPulled);
    show("note", text(isPulled ? "demo.pulled" : "demo.plugged"));
    if (isPulled) cable.pull();
    else cable.plug();
  });
  draw();
  return { client, signIn };
}

/** A frame for people: what is a token is cut off. */
function shortened(data) {
  const cut = (value) => (typeof value === "string" && value.length > LONGEST ? `${value.slice(0, 12)}…` : value);
  try {
    return JSON.stringify(JSON.parse(data), (_, value) => cut(value));
  } catch {
    return data;
  }
}
