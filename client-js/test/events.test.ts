import assert from "node:assert/strict";
import { test } from "node:test";
import { createPresent } from "../src/events.js";
import { json, problem, USER } from "./support/hub.js";
import { open, signedIn } from "./support/person.js";
import { STATE } from "./support/socket.js";
import { settle, World } from "./support/world.js";

test("the snapshot keeps its identity while nothing changes", async () => {
  const { client, tab } = await signedIn(new World());
  const before = client.snapshot();
  let changes = 0;
  client.subscribe(() => {
    changes += 1;
  });
  tab.socket.say({ type: "ping", version: 2 });
  tab.socket.say({ type: "state", sequence: 42, reason: "refreshed", state: STATE });
  assert.equal(client.snapshot(), before);
  assert.equal(changes, 0);
  tab.socket.say({ type: "state", sequence: 43, reason: "role_changed", state: { ...STATE, version: 3 } });
  assert.notEqual(client.snapshot(), before);
  assert.equal(changes, 1);
});

test("whoever listens later is told how it is, once, and not what is over", async () => {
  const { client } = await signedIn(new World());
  const told: string[] = [];
  client.on("signedIn", ({ sessionId }) => told.push(`signedIn ${sessionId}`));
  client.on("signedOut", ({ reason }) => told.push(`signedOut ${reason}`));
  client.on("state", ({ role }) => told.push(`state ${role}`));
  client.on("connection", ({ state }) => told.push(`connection ${state}`));
  const forget = client.on("state", () => told.push("never"));
  forget();
  assert.deepEqual(told, [], "not before the caller has the result in hand");
  await settle();
  assert.deepEqual(told, ["signedIn s1", "state user", "connection open"]);
});

test("another epoch of the journal counts although its version is smaller", async () => {
  const world = new World();
  const { tab, client } = await signedIn(world);
  tab.socket.closed(4201);
  await world.advance(500);
  tab.socket.ready({ epoch: "e2", sequence: 3, state: { ...STATE, version: 1, role: "moderator" } });
  assert.equal(client.snapshot().state?.role, "moderator");
});

test("a listener that changes what is so spares later ones what is not so any more", () => {
  const present = createPresent();
  const told: string[] = [];
  const become = (role: string) => {
    const state = { ...STATE, role };
    present.update({ state }, { state });
  };
  present.on("state", ({ role }) => {
    if (role === "user") become("admin");
  });
  present.on("state", ({ role }) => told.push(role));
  become("user");
  assert.deepEqual(told, ["admin"]);
});

test("the record follows what the hub pushes; what no state carries is asked for", async () => {
  const world = new World();
  const { tab, client } = await signedIn(world);
  const asked = () => world.hub.asked("GET /api/users/me").length;
  const push = async (reason: string, version: number, more: object = {}) => {
    tab.socket.say({ type: "state", sequence: 40 + version, reason, state: { ...STATE, version, ...more } });
    await settle();
    return client.snapshot().user;
  };
  assert.equal(asked(), 0, "a record as new as the state is not asked for");
  assert.equal((await push("role_changed", 3, { role: "admin" }))?.site_role, "admin");
  await push("role_updated", 4, { role: "admin" });
  assert.equal(asked(), 0, "a role is all that these change");

  const record = { ...USER, version: 5, email: "new@example.org", name: "Ada" };
  world.hub.script(({ path }) => (path === "/api/users/me" ? json(record) : undefined));
  assert.deepEqual(await push("email_changed", 5), record);
  assert.equal(asked(), 1);

  world.hub.script(({ path }) => (path === "/api/users/me" ? problem(503, "unavailable") : undefined));
  const user = await push("status_changed", 6, { status: "disabled", email_verified: false });
  assert.deepEqual([user?.status, user?.email_verified, user?.name], ["disabled", false, "Ada"]);

  // What could not be read then is read when the socket opens again.
  const newest = { ...record, version: 6, name: "Ada L." };
  world.hub.script(({ path }) => (path === "/api/users/me" ? json(newest) : undefined));
  tab.socket.closed(4201);
  await world.advance(500);
  tab.socket.ready({ state: { ...STATE, version: 6 } });
  await settle();
  assert.equal(client.snapshot().user?.name, "Ada L.");
});

test("nothing happens on a server until it is asked for", async () => {
  const world = new World();
  const { createClientOn } = await import("../src/client.js");
  createClientOn(world.tab().platform, { url: "https://hub.example.org" });
  await world.advance(60_000);
  assert.equal(world.hub.seen.length, 0);
});

test("a closed client falls silent and signs nobody out", async () => {
  const world = new World();
  const { client, tab } = await signedIn(world);
  client.close();
  await world.advance(600_000);
  await tab.wake();
  assert.equal(tab.sockets.length, 1);
  assert.equal(world.hub.isSignedIn, true);
  const other = await open(world);
  assert.equal(other.client.snapshot().status, "signedIn");
});
