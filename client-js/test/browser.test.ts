/** The file that pages get does what the source does, although its private names are other ones. */

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import type * as Portcullis from "../src/index.js";
import { FakeHub, USER } from "./support/hub.js";
import { FakeSocket, STATE } from "./support/socket.js";
import { FakeWindow } from "./support/window.js";
import { eventually, FakeLocks, settle } from "./support/world.js";

const load = (path: string) => import(pathToFileURL(resolve(path)).href) as Promise<typeof Portcullis>;

const hub = new FakeHub();
const sockets: FakeSocket[] = [];
const target = { addEventListener() {}, removeEventListener() {} };
const globals = {
  window: Object.assign(new FakeWindow(), target),
  document: { ...target, visibilityState: "visible" },
  navigator: { locks: new FakeLocks() },
  localStorage: new FakeWindow().sessionStorage,
  fetch: async (input: string, init: RequestInit) => hub.answer(new Request(input, init)),
  WebSocket: class extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  },
};
for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

const clients: Portcullis.Client[] = [];
after(() => {
  for (const client of clients) client.close();
});

for (const path of ["dist/client.js", "dist/index.js"]) {
  test(`${path}: two tabs, one socket, every kind of message`, async () => {
    const { createClient } = await load(path);
    const url = `https://${path.replace(/\W/g, "-")}.example.org`;
    const open = () => {
      const client = createClient({ url, tabs: "share" });
      clients.push(client);
      return client;
    };
    const first = open();
    await first.ready();
    await first.signIn({ email: USER.email, password: "correct horse" });
    await eventually(() => sockets.length > 0);
    const socket = sockets.at(-1) as FakeSocket;
    assert.match(socket.protocols[1] ?? "", /^portcullis\.token\.ticket-/);
    socket.ready();
    const second = open();
    assert.equal((await second.ready()).status, "signedIn");
    await eventually(() => second.snapshot().connection.state === "open");

    const names: string[] = [];
    second.on("event", ({ name }) => names.push(name));
    socket.say({ type: "event", sequence: 42, name: "session.created", data: {} });
    const state = { ...STATE, version: 3, role: "admin", permissions: ["users:read"] };
    socket.say({ type: "state", sequence: 43, reason: "role_changed", state, access_token: "socket-1", expires_in: 300 });
    socket.say({ type: "ping", version: 3 });
    await eventually(() => second.snapshot().state?.role === "admin");
    assert.deepEqual(names, ["session.created"]);
    assert.equal(await second.accessToken(), "socket-1");
    assert.deepEqual(socket.sent.at(-1), { type: "pong", version: 3 });

    // The leader goes: the other one takes over, and resumes.
    const before = sockets.length;
    first.close();
    await eventually(() => sockets.length > before);
    const next = sockets.at(-1) as FakeSocket;
    next.ready({ sequence: 43, state });
    assert.deepEqual(next.sent[0]?.["resume"], { epoch: "e1", sequence: 43 });
    assert.equal(next.sent[0]?.["type"], "hello");

    const third = open();
    await third.ready();
    const left = new Promise((told) => third.on("signedOut", told));
    await second.signOut();
    assert.deepEqual(await left, { reason: "logout" });
    assert.equal(hub.isSignedIn, false);
    await settle();
    sockets.length = 0;
  });
}

test("all forms offer the same", async () => {
  const members = (module: typeof Portcullis) => {
    const client = module.createClient({ url: "https://a.example.org", autoStart: false });
    clients.push(client);
    return Object.keys(client).sort();
  };
  const source = await load("dist/index.js");
  const browser = await load("dist/client.js");
  await load("dist/client.global.js");
  const { Portcullis: script } = globalThis as unknown as { Portcullis: typeof Portcullis };
  for (const module of [browser, script]) {
    assert.deepEqual(Object.keys(module).sort(), Object.keys(source).sort());
    assert.deepEqual(members(module), members(source));
    const error = new module.PortcullisError("rate_limited", "slow down", { status: 429, retryAfterMs: 1 });
    assert.deepEqual([error.name, error.code, error.isTemporary], ["PortcullisError", "rate_limited", true]);
  }
});
