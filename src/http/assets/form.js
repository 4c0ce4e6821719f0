// A form: what is typed is sent, and what is wrong is said where it is wrong.
//
// An error is a `PortcullisError` of the client, or looks like one: `code`, `message`, `errors`, `retryAfterMs`.

import { hints, text, wait } from "./texts.js";

/** Sends what is typed into `form` by `send(values)`, which says what became of it, or throws. */
export function onSubmit(form, send) {
  let isBusy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy) return;
    clear(form);
    if (markEmpty(form)) return;
    isBusy = true;
    form.setAttribute("aria-busy", "true");
    try {
      const done = await send(values(form));
      if (done) say(form, "done", done);
    } catch (error) {
      explain(form, error);
    } finally {
      isBusy = false;
      form.removeAttribute("aria-busy");
    }
  });
}

/** Runs `act` at a click, once at a time; what goes wrong, and what `act` says, stands in `place`. */
export function onClick(button, place, act) {
  button.addEventListener("click", async () => {
    if (button.ariaDisabled === "true") return;
    clear(place);
    button.ariaDisabled = "true";
    try {
      const done = await act();
      if (done) say(place, "done", done);
    } catch (error) {
      explain(place, error);
    } finally {
      button.ariaDisabled = null;
    }
  });
}

/** What is typed; a field that may be left empty and is, is left out. */
function values(form) {
  const typed = [...new FormData(form)].filter(([name, value]) => value !== "" || field(form, name)?.required);
  return Object.fromEntries(typed);
}

/** Writes `words` into the place for what is `done`, or for the `problem`. */
export function say(place, kind, words) {
  place.querySelector(`[data-${kind}]`).textContent = words;
}

/** Hides the form, and shows and reads out what comes after it. */
export function giveWay(form, after) {
  form.hidden = true;
  after.hidden = false;
  after.focus();
}

/** Takes back whatever was said. */
export function clear(place) {
  for (const kind of ["done", "problem"]) say(place, kind, "");
  for (const fault of place.querySelectorAll("[data-fault]")) mark(place, fault.dataset.fault, "");
}

/** Says in the page's language what went wrong: beside the fields that are named, the rest below. */
export function explain(place, error) {
  const elsewhere = [];
  let first;
  for (const { field: name, code, detail } of error.errors ?? []) {
    const words = hints(detail) || text(`faults.${code}`) || sentence(detail);
    if (mark(place, name, words)) first ??= field(place, name);
    else elsewhere.push(words);
  }
  if (!first || elsewhere.length > 0) say(place, "problem", elsewhere.join(" ") || inWords(error));
  first?.focus();
}

/** An error as a sentence. */
export function inWords({ code, message, retryAfterMs, requestId }) {
  const words = text(`problems.${code}`, { wait: wait(retryAfterMs), request: requestId });
  return words || sentence(message ?? text("problems.unexpected_answer"));
}

function markEmpty(form) {
  const empty = [...form.querySelectorAll("[required]")].filter((input) => input.value === "");
  for (const input of empty) mark(form, input.name, text("fill_in"));
  empty[0]?.focus();
  return empty.length > 0;
}

function field(place, name) {
  return place.querySelector(`[name="${CSS.escape(name)}"]`);
}

/** Writes `words` beside the field `name`, or takes them away; whether there is such a field. */
function mark(place, name, words) {
  const fault = place.querySelector(`[data-fault="${CSS.escape(name)}"]`);
  if (!fault) return false;
  const input = field(place, name);
  const hint = document.getElementById(`${input.id}-hint`);
  fault.textContent = words;
  fault.hidden = words === "";
  const described = [hint?.id, words && fault.id].filter(Boolean).join(" ");
  if (described) input.setAttribute("aria-describedby", described);
  else input.removeAttribute("aria-describedby");
  if (words) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  return true;
}

function sentence(words) {
  return words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
}
