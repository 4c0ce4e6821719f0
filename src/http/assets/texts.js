// The texts of the scripts, in the language of the page.

import { inOwnWords } from "./hints.js";

const { lang } = document.documentElement;
const { default: texts } = await import(`./texts.${lang}.js`);

/** The text at `path`, as "problems.network", with its {places} filled in; "" where there is none. */
export function text(path, values = {}) {
  const found = path.split(".").reduce((part, key) => Object.getOwnPropertyDescriptor(part ?? {}, key)?.value, texts);
  return typeof found === "string" ? found.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "") : "";
}

/** What the server says is wrong with a password; "" where this language has no words for it. */
export function hints(detail) {
  return inOwnWords(detail, texts.hints);
}

/** A moment as people here write it. */
export function moment(time) {
  return new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
}

/** When to come back, as in "in 30 s". */
export function wait(milliseconds) {
  if (!(milliseconds > 0)) return text("soon");
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds < 120 ? text("in_seconds", { n: seconds }) : text("in_minutes", { n: Math.ceil(seconds / 60) });
}
