// What every page has: the choice of a language, buttons that show a password, buttons that copy.

import { text } from "./texts.js";

const { root, hub } = document.body.dataset;
const YEAR = 365 * 24 * 3600;

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    const language = encodeURIComponent(button.dataset.language);
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `portcullis_language=${language}; Path=${root}/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
    location.reload();
  });
}

for (const button of document.querySelectorAll("[data-shows]")) {
  const input = document.getElementById(button.dataset.shows);
  button.addEventListener("click", () => {
    const isShown = input.type === "password";
    input.type = isShown ? "text" : "password";
    button.ariaPressed = String(isShown);
  });
  // Nothing but a password is sent from a field that browsers keep as one.
  input.form?.addEventListener("submit", () => {
    input.type = "password";
    button.ariaPressed = "false";
  });
}

for (const button of document.querySelectorAll("[data-copies]")) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const { textContent } = document.getElementById(button.dataset.copies);
    const copied = await navigator.clipboard?.writeText(textContent).then(() => true, () => false);
    button.textContent = text(copied ? "copied" : "copy_failed");
    setTimeout(() => (button.textContent = label), 3000);
  });
}

// Cookies and sockets are for the public address alone: the same server by another name is another site.
const elsewhere = document.querySelector("[data-elsewhere]");
if (new URL(hub).origin !== location.origin) {
  const path = location.pathname.startsWith(root) ? location.pathname.slice(root.length) : "/";
  elsewhere.querySelector("a").href = hub + path + location.search;
  elsewhere.hidden = false;
}
