// One's own sessions: a list that is up to date, and the buttons that end them.

import { explain, onClick, say } from "./form.js";
import { moment, text } from "./texts.js";

/** Shows them in `section`. */
export function showSessions(hub, section) {
  const list = section.querySelector("[data-sessions]");
  const template = section.querySelector("[data-session]");

  async function load() {
    const sessions = await hub.sessions();
    // Whoever stands on a button of the list keeps their place.
    const at = [...list.children].findIndex((item) => item.contains(document.activeElement));
    list.replaceChildren(...sessions.map(item));
    if (at >= 0) (list.children[at] ?? list.lastElementChild)?.querySelector("button:not([hidden])")?.focus();
  }

  // What was said of a list that could not be had is taken back with the next one, and nothing else that stands there.
  let isStale = false;
  async function refresh() {
    try {
      await load();
      if (isStale) say(section, "problem", "");
      isStale = false;
    } catch (error) {
      isStale = true;
      if (hub.snapshot().user) explain(section, error);
    }
  }

  function item(session) {
    const shown = template.content.cloneNode(true);
    const part = (name) => shown.querySelector(`[data-${name}]`);
    part("device").textContent = session.device ?? text("unknown_device");
    part("here").hidden = !session.current;
    part("online").hidden = session.connections.length === 0;
    part("seen").textContent = moment(session.last_seen_at);
    part("seen").dateTime = session.last_seen_at;
    part("since").textContent = moment(session.created_at);
    part("since").dateTime = session.created_at;
    part("from").textContent = session.ip ?? "";
    const end = part("end");
    end.hidden = session.current;
    end.ariaLabel = `${end.textContent}: ${part("device").textContent}, ${part("since").textContent}`;
    onClick(end, section, async () => {
      await hub.endSession(session.id);
      await load();
      return text("session_ended");
    });
    return shown;
  }

  onClick(section.querySelector("[data-end-others]"), section, async () => {
    await hub.endOtherSessions();
    await load();
    return text("others_ended");
  });
  onClick(section.querySelector("[data-end-all]"), section, () => hub.signOut({ scope: "all" }));
  hub.on("event", ({ name }) => name.startsWith("session.") && refresh());
  hub.on("connection", ({ state }) => state === "open" && refresh());
  return { refresh };
}
