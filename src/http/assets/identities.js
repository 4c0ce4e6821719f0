// One's own identities at providers: a list, the buttons that unlink, and those that link another.

import { explain, onClick, say } from "./form.js";
import { base } from "./hub.js";
import { moment, text } from "./texts.js";

/** Shows them in `section`, which stays hidden where there is neither a provider nor an identity. */
export function showIdentities(hub, section) {
  const list = section.querySelector("[data-identities]");
  const template = section.querySelector("[data-identity]");

  async function load() {
    const identities = await hub.identities();
    list.replaceChildren(...identities.map(item));
    section.hidden = identities.length === 0 && !section.querySelector("[data-provider]");
  }

  const refresh = () => load().catch((error) => hub.snapshot().user && explain(section, error));

  function item(identity) {
    const shown = template.content.cloneNode(true);
    const part = (name) => shown.querySelector(`[data-${name}]`);
    part("called").textContent = identity.name;
    part("address").textContent = identity.email ?? "";
    part("used").textContent = moment(identity.last_used_at);
    part("used").dateTime = identity.last_used_at;
    const unlink = part("unlink");
    unlink.ariaLabel = `${unlink.textContent}: ${identity.name} ${identity.email ?? ""}`;
    onClick(unlink, section, async () => {
      await hub.unlinkIdentity(identity.id);
      await load();
      return text("unlinked");
    });
    return shown;
  }

  // Back from a provider: the list was asked for before the link was made.
  hub.on("linked", async () => {
    await refresh();
    say(section, "done", text("linked"));
  });
  for (const button of section.querySelectorAll("[data-provider]")) {
    onClick(button, section, () => hub.linkIdentity(button.dataset.provider, { redirectTo: `${base}/account` }));
  }
  return { refresh };
}
