// The manager of the demonstration: an admin who signs in here like anywhere, and may do what an admin may.

import { createClient, memoryStore } from "../client.js";
import { layCable } from "./demo_cable.js";
import { clear, onSubmit } from "./form.js";
import { text } from "./texts.js";

/** Shows it in `section`; `subject()` is the user whose role is changed. */
export function showManager(section, subject) {
  const { url } = layCable("manager");
  const client = createClient({ url, storage: memoryStore(), tabs: "alone", socket: false, autoStart: false });
  const signIn = section.querySelector('[data-form="manager"]');
  const assign = section.querySelector('[data-form="role"]');

  async function call(path, init) {
    const answer = await client.fetch(url + path, init);
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw { code: body.code, message: body.detail, errors: body.errors };
    return body;
  }

  function show(isIn) {
    signIn.hidden = isIn;
    assign.hidden = !isIn;
    clear(signIn);
    clear(assign);
    (isIn ? assign.elements.role : signIn.elements.email).focus();
  }

  onSubmit(signIn, async ({ email, password }) => {
    await client.signIn({ email, password });
    try {
      const { items } = await call("/api/roles");
      const options = items.map(({ name }) => new Option(name, name));
      assign.elements.role.replaceChildren(...options);
    } catch (error) {
      await client.signOut();
      throw error.code === "forbidden" ? { message: text("demo.no_roles") } : error;
    }
    section.querySelector("[data-who]").textContent = email;
    signIn.reset();
    show(true);
  });

  onSubmit(assign, async ({ role }) => {
    const user = subject();
    if (!user) throw { message: text("demo.no_person") };
    const body = JSON.stringify({ role });
    const headers = { "Content-Type": "application/json" };
    await call(`/api/users/${user.id}/site_role`, { method: "PUT", headers, body });
    return text("demo.given", { email: user.email, role });
  });

  section.querySelector("[data-manager-out]").addEventListener("click", () => {
    client.signOut().catch(() => {});
    show(false);
  });
}
