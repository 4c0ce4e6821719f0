// What a page of somebody else can do with the browser of a person who is signed in: nothing (T03, T23, T24).

import assert from "node:assert/strict";
import { is, reload, snapshot } from "../browser.mjs";
import { Elsewhere } from "../elsewhere.mjs";
import { until } from "../until.mjs";

/** Where the refresh cookie is looked at, or made, with a body that is as it should be. */
const BODIES = {
  // The `=` is where a form of text/plain puts one.
  "/api/auth": { email: "mallory@example.org", password: "one lake = seven swans" },
  "/api/auth/refresh": {},
  "/api/auth/logout": { scope: "all" },
  "/api/auth/oauth/exchange": { code: "code", code_verifier: "verifier" },
};
/** For each of them: three beacons, three forms and three requests need no permission of the hub's to be sent. */
const ARRIVE = 9 * Object.keys(BODIES).length;

export default {
  "t24: a page of another site changes nothing": (stage) => attack(stage, "site"),
  "t24: a page on another port of the same host, which the browser sends cookies for, changes nothing": (stage) =>
    attack(stage, "beside"),

  async "t23: no foreign page shows a page of the hub in a frame"({ openHub, openDevice, use }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const elsewhere = use(await Elsewhere.open());
    for (const address of [elsewhere.site, elsewhere.beside]) {
      const foreign = await device.visit(address);
      const shown = [`${hub.url}/sign-in`, `${address}framed`];
      await foreign.evaluate(async (shown) => {
        const frames = shown.map((src) => Object.assign(document.createElement("iframe"), { src }));
        const loaded = frames.map((frame) => new Promise((resume) => (frame.onload = resume)));
        document.body.append(...frames);
        await Promise.all(loaded);
      }, shown);
      const inside = await Promise.all(foreign.frames().slice(1).map((frame) => frame.locator("body").textContent()));
      assert.equal(inside.filter((words) => words.includes("Elsewhere")).length, 1, "a page may have frames here");
      assert.equal(inside.filter((words) => words.includes("Sign in")).length, 0, `${address} shows the hub's page`);
    }
  },

  async "t03: a foreign page gets no socket, not even with a good token"({ openHub, openDevice, use }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const own = await device.signedIn(await hub.person());
    const elsewhere = use(await Elsewhere.open());
    const ticket = await own.evaluate(() => window.hub.fetch("/api/auth/socket").then((answer) => answer.json()));

    for (const address of [elsewhere.site, elsewhere.beside]) {
      const foreign = await device.visit(address);
      assert.deepEqual(await foreign.evaluate(knock, ticket), { opened: false, code: 1006 }, address);
      // Without an origin of its own.
      assert.deepEqual(await foreign.evaluate(knockFromSandbox, ticket), "refused", address);
    }
    // It was the page that was refused: the token is still good, and works once.
    assert.deepEqual(await own.evaluate(knock, ticket), { opened: true, said: "ready" });
  },
};

/** A person is signed in, and comes upon a page that tries everything a page can send. */
async function attack({ openHub, openDevice, use }, where) {
  const hub = await openHub();
  const device = await openDevice(hub);
  const ada = await hub.person();
  // A sign-in as somebody else would be a change as well.
  const mallory = await hub.person("mallory", BODIES["/api/auth"].password);
  const own = await device.signedIn(ada);
  const before = { token: await device.refreshToken(), sessions: await ids(hub, ada), deeds: await hub.deeds() };
  const { sessionId } = await snapshot(own);

  const elsewhere = use(await Elsewhere.open());
  const sent = watchCookies(device.context, hub);
  const begun = hub.log.length;
  const answers = () => hub.log.slice(begun).filter((line) => / method="POST" .*: answered /.test(line));
  const foreign = await device.visit(elsewhere[where]);
  const read = await foreign.evaluate(tryEverything, { url: hub.url, bodies: BODIES });
  assert.deepEqual(read, [], "a foreign page reads no answer");
  // What the browser itself holds back proves nothing about the hub.
  await until("the requests arrive", () => answers().length >= ARRIVE);
  const done = answers().filter((line) => !/ status=4\d\d /.test(line));
  assert.deepEqual(done, [], "every request is refused");
  if (where === "beside") {
    await until("the browser sends the cookie along", () => sent.some((cookie) => cookie.includes("portcullis_refresh=")));
  }

  assert.equal(await device.refreshToken(), before.token);
  assert.deepEqual(await ids(hub, ada), before.sessions);
  assert.deepEqual(await hub.deeds(), before.deeds, "the audit log has no new line");
  assert.deepEqual(await ids(hub, mallory), []);
  await is(own, "signedIn", "open");
  await reload(own);
  await is(own, "signedIn", "open");
  assert.equal((await snapshot(own)).sessionId, sessionId);
}

async function ids(hub, person) {
  return (await hub.sessions(person)).map(({ id }) => id);
}

/** The cookies that foreign pages send to the hub, as far as the browser tells. */
function watchCookies(context, hub) {
  const sent = [];
  context.on("request", (request) => {
    const isForeign = request.headers().origin !== hub.url;
    if (request.method() !== "POST" || !request.url().startsWith(hub.url) || !isForeign) return;
    request.headerValue("cookie").then((cookie) => cookie && sent.push(cookie), () => {});
  });
  return sent;
}

/** In the foreign page: what can be read of all answers. */
async function tryEverything({ url, bodies }) {
  const read = [];
  for (const [route, body] of Object.entries(bodies)) {
    const json = JSON.stringify(body);
    const form = new URLSearchParams(body);
    const kinds = [json, form, new Blob([json], { type: "text/plain" }), new Blob([json], { type: "application/json" })];
    for (const kind of kinds) navigator.sendBeacon(url + route, kind);

    const cookieMode = { "X-Portcullis-Mode": "cookie", "Content-Type": "application/json" };
    const ways = [
      { mode: "no-cors", headers: { "Content-Type": "text/plain" } },
      { mode: "no-cors", headers: cookieMode },
      { mode: "cors", headers: { "Content-Type": "text/plain" } },
      { mode: "cors", headers: cookieMode },
      { mode: "cors", headers: { "Content-Type": "application/json" } },
    ];
    for (const way of ways) {
      const init = { method: "POST", credentials: "include", body: json, ...way };
      const answer = await fetch(url + route, init).catch(() => undefined);
      if (answer && answer.type !== "opaque") read.push(`${route} ${JSON.stringify(way)}`);
    }

    for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      const frame = Object.assign(document.createElement("iframe"), { name: `${route} ${enctype}` });
      const form = Object.assign(document.createElement("form"), { method: "post", action: url + route, target: frame.name, enctype });
      // As text/plain this is JSON, or nothing at all.
      const asText = json.includes("=") ? [json.split("=")] : [];
      const fields = enctype === "text/plain" ? asText : Object.entries(body);
      for (const [name, value] of fields) form.append(Object.assign(document.createElement("input"), { name, value }));
      document.body.append(frame, form);
      form.submit();
    }
  }
  return read;
}

/** Opens a socket with `ticket`, in whatever page it runs. */
function knock({ url, token, protocol }) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, [protocol, `portcullis.token.${token}`]);
    let opened = false;
    socket.onopen = () => (opened = true);
    socket.onmessage = ({ data }) => resolve({ opened, said: JSON.parse(data).type });
    socket.onclose = ({ code }) => resolve({ opened, code });
  });
}

/** The same from a frame whose origin is `null`. */
function knockFromSandbox({ url, token, protocol }) {
  const frame = Object.assign(document.createElement("iframe"), { sandbox: "allow-scripts" });
  const protocols = JSON.stringify([protocol, `portcullis.token.${token}`]);
  frame.srcdoc = `<script>
    const socket = new WebSocket(${JSON.stringify(url)}, ${protocols});
    socket.onopen = () => parent.postMessage("opened", "*");
    socket.onclose = () => parent.postMessage("refused", "*");
  </script>`;
  document.body.append(frame);
  return new Promise((resolve) => addEventListener("message", ({ data }) => resolve(data), { once: true }));
}
