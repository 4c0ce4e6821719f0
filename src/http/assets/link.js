// The form behind a mailed link: a click sends the request that the link alone must not send.

import { giveWay, onSubmit } from "./form.js";
import { kept } from "./return_to.js";

const form = document.querySelector("form[data-endpoint]");

onSubmit(form, async (values) => {
  await send(values);
  const signIn = document.querySelector("[data-sign-in]");
  if (signIn) signIn.search = kept();
  giveWay(form, document.querySelector("[data-after]"));
});

async function send(values) {
  const { method, endpoint } = form.dataset;
  const init = { method, credentials: "omit", cache: "no-store" };
  if (Object.keys(values).length > 0) {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(values);
  }
  const answer = await fetch(endpoint + token(), init).catch(() => {
    throw { code: "network" };
  });
  if (answer.ok) return;
  const { code = "unexpected_answer", detail, errors, request_id, retry_after } = await answer.json().catch(() => ({}));
  throw { code, message: detail, errors, requestId: request_id, retryAfterMs: (retry_after ?? 0) * 1000 };
}

/** The last part of this page's own address, as it stands there. */
function token() {
  return location.pathname.replace(/\/$/, "").split("/").pop();
}
