// The forms behind mailed links: a click sends the request that the link alone must not send.
"use strict";

const form = document.querySelector("form[data-endpoint]");

for (const box of document.querySelectorAll("input[data-shows]")) {
  const input = document.getElementById(box.dataset.shows);
  box.addEventListener("change", () => {
    input.type = box.checked ? "text" : "password";
  });
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
}

async function send() {
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  clear();
  try {
    const answer = await fetch(form.dataset.endpoint + token(), request());
    if (answer.ok) {
      finish();
    } else {
      await explain(answer);
    }
  } catch {
    say("The server cannot be reached. Try again in a moment.");
  } finally {
    button.disabled = false;
  }
}

// The last part of this page's own address, as it stands there.
function token() {
  return location.pathname.replace(/\/$/, "").split("/").pop();
}

function request() {
  const fields = {};
  for (const input of form.querySelectorAll("input[name]")) {
    if (input.value !== "" || input.required) {
      fields[input.name] = input.value;
    }
  }
  const init = { method: form.dataset.method, credentials: "omit", cache: "no-store" };
  if (init.method !== "PATCH") {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(fields);
  }
  return init;
}

function clear() {
  say("");
  for (const place of form.querySelectorAll("[data-fault]")) {
    show(place, "");
    const input = form.elements.namedItem(place.dataset.fault);
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

function finish() {
  const done = document.querySelector("[data-done]");
  form.hidden = true;
  done.hidden = false;
  done.tabIndex = -1;
  done.focus();
}

async function explain(answer) {
  const problem = await answer.json().catch(() => ({}));
  let first = null;
  const elsewhere = [];
  for (const fault of problem.errors ?? []) {
    const place = form.querySelector(`[data-fault="${CSS.escape(fault.field)}"]`);
    if (!place) {
      elsewhere.push(fault.detail);
      continue;
    }
    show(place, sentence(fault.detail));
    const input = form.elements.namedItem(fault.field);
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", place.id);
    first ??= input;
  }
  if (first) {
    first.focus();
  }
  if (!first || elsewhere.length > 0) {
    say(sentence(elsewhere.join("; ") || problem.detail || `The server answered ${answer.status}`));
  }
}

function say(text) {
  show(document.querySelector("[data-problem]"), text);
}

function show(place, text) {
  place.textContent = text;
  place.hidden = text === "";
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
