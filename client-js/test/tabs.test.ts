import assert from "node:assert/strict";
import { test } from "node:test";
import { problem, USER } from "./support/hub.js";
import { open, type Person, signedIn } from "./support/person.js";
import { STATE } from "./support/socket.js";
import { settle, World } from "./support/world.js";

const REFRESH = "POST /api/auth/refresh";
const TOMBSTONE = "portcullis:https://hub.example.org:signed_out";

test("a second tab learns who is signed in from the first, without a refresh of its own", async () => {
  const world = new World();
  await signedIn(world);
  const second = await open(world);
  assert.equal(second.client.snapshot().status, "signedIn");
  assert.equal(world.hub.asked(REFRESH).length, 1);
});

test("a sign-in and a sign-out in one tab reach the others, once each", async () => {
  const world = new World();
  const [first, second] = [await open(world), await open(world)];
  await first.client.signIn({ email: USER.email, password: "correct horse" });
  await settle();
  assert.equal(second.of("signedIn").length, 1);
  await second.client.signOut();
  await settle();
  for (const person of [first, second]) {
    assert.deepEqual(person.of("signedOut").map(({ reason }) => reason), ["none", "logout"]);
    assert.equal(person.tab.socket.left, 1000);
  }
  assert.equal(world.hub.asked("POST /api/auth/logout").length, 1);
});

test("a refreshed token and a newer state reach the other tabs; an older state changes nothing", async () => {
  const world = new World();
  const first = await signedIn(world);
  const second = await open(world);
  second.tab.socket.ready();
  world.time += 300_000;
  first.tab.socket.closed(4306);
  const token = await first.client.accessToken();
  await settle();
  assert.equal(await second.client.accessToken(), token);

  const admin = { ...STATE, version: 3, role: "admin" };
  second.tab.socket.say({ type: "state", sequence: 42, reason: "role_changed", state: admin });
  second.tab.socket.say({ type: "state", sequence: 43, reason: "refreshed", state: STATE });
  await settle();
  for (const person of [first, second]) {
    assert.deepEqual(person.of("state").map(({ role }) => role), ["user", "admin"]);
    assert.equal(person.client.snapshot().user?.site_role, "admin");
  }
});

test("a sign-in that was under way when a new tab was refused reaches it", async () => {
  const world = new World();
  const first = await open(world);
  let answer = () => {};
  const held = new Promise<undefined>((resume) => (answer = () => resume(undefined)));
  world.hub.script(({ path }) => (path === "/api/auth" ? held : undefined));
  const signingIn = first.client.signIn({ email: USER.email, password: "correct horse" });
  const second = await open(world);
  assert.equal(second.client.snapshot().status, "signedOut");
  answer();
  await signingIn;
  await settle();
  assert.equal(second.client.snapshot().status, "signedIn");
});

test("signing in as somebody else in one tab changes all", async () => {
  const world = new World();
  const first = await signedIn(world);
  const second = await open(world);
  world.time += 1_000;
  world.hub.sessionId = "s2";
  await second.client.signIn({ email: USER.email, password: "correct horse" });
  await settle();
  assert.deepEqual(first.of("signedIn").map(({ sessionId }) => sessionId), ["s1", "s2"]);
  assert.equal(first.tab.sockets[0]?.left, 1000);
});

test("what another tab says late of a session that is over is not believed", async () => {
  const world = new World();
  const { client } = await signedIn(world);
  await client.signOut();
  const channel = world.tab().platform.openChannel?.("portcullis:https://hub.example.org");
  const live = { accessToken: "stale", until: world.time + 1e6, fromSocket: false, sessionId: "s1", user: USER, since: world.time - 1_000 };
  channel?.postMessage(["live", live]);
  await settle();
  assert.equal(client.snapshot().status, "signedOut");
  channel?.postMessage(["live", { ...live, sessionId: "s2", since: world.time + 1 }]);
  await settle();
  assert.equal(client.snapshot().sessionId, "s2");
});

test("signed out while offline stays signed out after a reload, and the hub is told when it is back", async () => {
  const world = new World();
  const { client, tab } = await signedIn(world);
  world.isOnline = false;
  await client.signOut();
  assert.equal(client.snapshot().status, "signedOut");
  assert.notEqual(await world.store.getItem(TOMBSTONE), null);
  client.close();

  world.isOnline = true;
  world.hub.script(({ path }) => (path === "/api/auth/logout" ? problem(503, "unavailable", { retry_after: 1 }) : undefined));
  const reloaded = await open(world);
  assert.equal(reloaded.client.snapshot().status, "signedOut");
  assert.equal(world.hub.asked(REFRESH).length, 1, "the cookie is still there, and is not used");
  assert.equal(world.hub.isSignedIn, true);
  world.hub.script(() => undefined);
  await world.advance(2_000);
  assert.equal(world.hub.isSignedIn, false);
  assert.equal(await world.store.getItem(TOMBSTONE), null);
  assert.equal(tab.sockets.length, 1);
});

test("signing in again makes the tombstone void", async () => {
  const world = new World();
  const { client } = await signedIn(world);
  world.hub.script(({ path }) => (path === "/api/auth/logout" ? problem(503, "unavailable") : undefined));
  await client.signOut();
  await client.signIn({ email: USER.email, password: "correct horse" });
  assert.equal(await world.store.getItem(TOMBSTONE), null);
  await world.advance(60_000);
  assert.equal(client.snapshot().status, "signedIn");
});

async function sharing(world: World, count: number): Promise<Person[]> {
  const people = [await signedIn(world, { tabs: "share" })];
  while (people.length < count) people.push(await open(world, { tabs: "share" }));
  return people;
}

const sockets = (people: readonly Person[]) => people.map(({ tab }) => tab.sockets.length);

test("twenty tabs that share have one socket, and all hear what it brings", async () => {
  const world = new World();
  const people = await sharing(world, 20);
  assert.equal(sockets(people).reduce((sum, count) => sum + count), 1);
  const [leader] = people;
  leader?.tab.socket.say({ type: "event", sequence: 42, name: "session.created", data: {} });
  const state = { ...STATE, version: 3, role: "admin" };
  leader?.tab.socket.say({ type: "state", sequence: 43, reason: "role_changed", state });
  await settle();
  for (const { client, of } of people) {
    assert.equal(client.snapshot().connection.state, "open");
    assert.equal(of("event").length, 1);
    assert.equal(client.snapshot().state?.role, "admin");
  }
  leader?.tab.socket.say({ type: "signed_out", code: 4001, reason: "revoked", scope: "user", message: "bye" });
  await settle();
  for (const { of } of people) assert.deepEqual(of("signedOut"), [{ reason: "revoked", message: "bye" }]);
});

test("the leader's tab is closed: another one leads at once, and resumes where it stopped", async () => {
  const world = new World();
  const [first, second, third] = await sharing(world, 3);
  first?.tab.socket.say({ type: "event", sequence: 42, name: "a", data: {} });
  await settle();
  first?.client.close();
  await settle();
  assert.deepEqual(sockets([second, third] as Person[]), [1, 0]);
  const { socket } = (second as Person).tab;
  socket.open();
  assert.deepEqual(socket.sent[0]?.["resume"], { epoch: "e1", sequence: 42 });
  socket.ready({ resumed: true, sequence: 42 });
  for (const sequence of [42, 43]) socket.say({ type: "event", sequence, name: "b", data: {} });
  await settle();
  for (const person of [second, third]) assert.deepEqual(person?.of("event").map(({ name }) => name), ["a", "b"]);
});

test("a frozen leader loses the lead, and follows when it wakes up", async () => {
  const world = new World();
  const [first, second] = (await sharing(world, 2)) as [Person, Person];
  await world.advance(10_000);
  assert.deepEqual(sockets([first, second]), [1, 0], "a leader that answers keeps the lead");

  first.tab.isFrozen = true;
  await world.advance(3_000);
  assert.deepEqual(sockets([first, second]), [1, 1]);
  second.tab.socket.ready();
  first.tab.isFrozen = false;
  await settle();
  assert.equal(first.tab.socket.left, 1000);
  second.tab.socket.say({ type: "event", sequence: 50, name: "after", data: {} });
  await settle();
  for (const { of } of [first, second]) assert.deepEqual(of("event").map(({ name }) => name), ["after"]);
  assert.equal(first.client.snapshot().connection.state, "open");
});

test("a hidden tab takes the lead from nobody", async () => {
  const world = new World();
  const [first, second] = (await sharing(world, 2)) as [Person, Person];
  second.tab.isVisible = false;
  first.tab.isFrozen = true;
  await world.advance(10_000);
  assert.deepEqual(sockets([first, second]), [1, 0]);
});

test("where locks are forbidden, as in a sandboxed frame, a tab leads alone and asks once", async () => {
  const world = new World();
  world.locks.isForbidden = true;
  const { client, tab } = await open(world, { tabs: "share" });
  await client.signIn({ email: USER.email, password: "correct horse" });
  await settle();
  const { asked } = world.locks;
  client.close();
  assert.equal(asked, 1);
  assert.equal(tab.sockets.length, 1);
});
