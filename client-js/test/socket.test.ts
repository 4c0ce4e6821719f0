import assert from "node:assert/strict";
import { test } from "node:test";
import { problem } from "./support/hub.js";
import { signedIn } from "./support/person.js";
import { STATE } from "./support/socket.js";
import { settle, World } from "./support/world.js";

test("the first socket says hello by a subprotocol, a later one by a frame that resumes", async () => {
  const world = new World();
  const { tab, client } = await signedIn(world);
  assert.deepEqual(tab.socket.protocols, ["portcullis.v1", "portcullis.token.ticket-2"]);
  assert.equal(tab.socket.url, "wss://hub.example.org/ws");
  assert.equal(client.snapshot().connection.state, "open");

  tab.socket.say({ type: "event", sequence: 44, name: "session.created", data: {} });
  tab.socket.closed(1006);
  await world.advance(500);
  assert.deepEqual(tab.socket.protocols, ["portcullis.v1"]);
  tab.socket.open();
  const [hello] = tab.socket.sent;
  assert.equal(hello?.["type"], "hello");
  assert.deepEqual(hello?.["resume"], { epoch: "e1", sequence: 44 });
});

test("after 1006 REST is asked first, and tells that the session has ended", async () => {
  const world = new World();
  const { tab, of } = await signedIn(world);
  world.hub.isSignedIn = false;
  world.hub.script(({ path }) => (path === "/api/auth/socket" ? problem(401, "session_revoked") : undefined));
  tab.socket.closed(1006);
  await world.advance(500);
  assert.equal(tab.sockets.length, 1);
  assert.equal(of("signedOut").length, 1);
});

test("the wait is random below a bound that doubles, and starts over after a minute of calm", async () => {
  const world = new World();
  const { tab, client } = await signedIn(world);
  const waits: number[] = [];
  for (let failure = 0; failure < 8; failure += 1) {
    tab.socket.closed(4204);
    const { retryInMs = 0 } = client.snapshot().connection;
    waits.push(retryInMs);
    await world.advance(retryInMs);
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);

  tab.socket.ready();
  for (let ping = 0; ping < 3; ping += 1) {
    await world.advance(25_000);
    tab.socket.say({ type: "ping", version: 2 });
  }
  tab.socket.closed(4204);
  assert.equal(client.snapshot().connection.retryInMs, 250);
});

test("in_ms is honoured, whoever closes first, and waking up does not cut it short", async () => {
  const world = new World();
  const { tab, client } = await signedIn(world);
  tab.socket.say({ type: "reconnect", in_ms: 7_300, code: 4201 });
  await world.advance(1_000);
  tab.socket.closed(4201);
  assert.deepEqual(client.snapshot().connection, { state: "waiting", retryInMs: 6_300 });
  await tab.wake();
  await world.advance(6_299);
  assert.equal(tab.sockets.length, 1);
  await world.advance(1);
  assert.equal(tab.sockets.length, 2);

  tab.socket.ready();
  tab.socket.say({ type: "reconnect", in_ms: 5_000, code: 4201 });
  tab.socket.say({ type: "ping", version: 2 });
  await world.advance(5_000);
  assert.equal(tab.sockets.length, 3, "the hub has not closed, and the client leaves");
  assert.equal(tab.sockets[1]?.left, 1000);
});

test("waking up ends a wait that is only back-off, and replaces a socket that has been silent", async () => {
  const world = new World();
  const { tab } = await signedIn(world);
  tab.socket.closed(1006);
  await tab.wake();
  assert.equal(tab.sockets.length, 2);

  tab.socket.ready();
  world.time += 36_000; // asleep: no timer has run
  await tab.wake();
  assert.equal(tab.sockets.length, 3);
});

test("silence beyond the heartbeat ends the socket; any frame counts as a sign of life", async () => {
  const world = new World();
  const { tab, client } = await signedIn(world);
  await world.advance(34_000);
  tab.socket.say({ type: "unheard_of" });
  await world.advance(34_999);
  assert.equal(client.snapshot().connection.state, "open");
  await world.advance(1);
  assert.equal(client.snapshot().connection.state, "waiting");
  assert.equal(tab.sockets[0]?.left, 1000);
});

test("a ping is answered with the version of the state that is held", async () => {
  const { tab } = await signedIn(new World());
  tab.socket.say({ type: "state", sequence: 42, reason: "role_changed", state: { ...STATE, version: 3 } });
  tab.socket.say({ type: "ping", version: 3 });
  assert.deepEqual(tab.socket.sent.at(-1), { type: "pong", version: 3 });
});

test("41xx asks for a new token at once more or less; a refused one is replaced by one refresh", async () => {
  const world = new World();
  const { tab } = await signedIn(world);
  world.hub.refused.add("access-1");
  tab.socket.closed(4102);
  await world.advance(500);
  assert.equal(world.hub.asked("POST /api/auth/refresh").length, 2);
  assert.equal(tab.sockets.length, 2);
});

test("429, 503 and no answer to the request for a token leave the person signed in", async () => {
  for (const refusal of [429, 503, 0]) {
    const world = new World();
    const { tab, client, of } = await signedIn(world);
    world.hub.script(({ path }) => {
      if (path !== "/api/auth/socket") return undefined;
      if (refusal === 0) throw new TypeError("fetch failed");
      return problem(refusal, "overloaded", { retry_after: 3 });
    });
    tab.socket.closed(4101);
    await world.advance(250);
    const { connection, status } = client.snapshot();
    assert.equal(status, "signedIn");
    assert.equal(connection.state, "waiting");
    if (refusal > 0) assert.ok((connection.retryInMs ?? 0) >= 3_000, "Retry-After is honoured");
    assert.equal(of("signedOut").length, 0);
    world.hub.script(() => undefined);
    await world.advance(connection.retryInMs ?? 0);
    assert.equal(tab.sockets.length, 2);
  }
});

test("43xx stops and reports, and the person stays signed in; 1000 stops", async () => {
  for (const [code, errors] of [[4306, 1], [1000, 0]] as const) {
    const world = new World();
    const { tab, client, of } = await signedIn(world);
    tab.socket.closed(code);
    await world.advance(60_000);
    assert.equal(tab.sockets.length, 1);
    assert.equal(client.snapshot().connection.state, "closed");
    assert.equal(client.snapshot().status, "signedIn");
    assert.deepEqual(of("error").map((error) => error.closeCode), errors === 1 ? [code] : []);
  }
});

test("40xx signs out and does not come back, even when no frame has said why", async () => {
  const reasons = [
    [4001, "revoked"],
    [4002, "account_disabled"],
    [4003, "password_changed"],
    [4005, "logout"],
    [4006, "expired"],
    [4099, "revoked"],
  ] as const;
  for (const [code, why] of reasons) {
    const world = new World();
    const { tab, client, of } = await signedIn(world);
    tab.socket.closed(code);
    await world.advance(60_000);
    assert.equal(tab.sockets.length, 1);
    assert.deepEqual(of("signedOut").map(({ reason }) => reason), [why]);
    assert.equal(client.snapshot().status, "signedOut");
    assert.equal(client.snapshot().connection.state, "idle");
  }
});

test("signed_out brings its reason and its message once, although the close follows", async () => {
  const world = new World();
  const { tab, of } = await signedIn(world);
  const { socket } = tab;
  const { onclose } = socket;
  socket.say({ type: "signed_out", code: 4001, reason: "refresh_reused", scope: "session", message: "Was it you?" });
  onclose?.call(socket as never, { code: 4001 } as CloseEvent);
  await settle();
  assert.deepEqual(of("signedOut"), [{ reason: "refresh_reused", message: "Was it you?" }]);
});

test("events come once each, also when a resumed socket repeats one; another epoch begins anew", async () => {
  const world = new World();
  const { tab, of } = await signedIn(world);
  const event = (sequence: number) => ({ type: "event", sequence, name: `n${sequence}`, data: {} });
  for (const sequence of [42, 43]) tab.socket.say(event(sequence));
  tab.socket.closed(4201);
  await world.advance(500);
  tab.socket.ready({ resumed: true, sequence: 43 });
  for (const sequence of [43, 44]) tab.socket.say(event(sequence));
  assert.deepEqual(of("event").map(({ name }) => name), ["n42", "n43", "n44"]);

  tab.socket.closed(4201);
  await world.advance(500);
  tab.socket.ready({ epoch: "e2", sequence: 7 });
  tab.socket.say(event(8));
  assert.equal(of("event").at(-1)?.name, "n8");
});

test("a socket that never gets ready is given up", async () => {
  const world = new World();
  const { tab } = await signedIn(world);
  tab.socket.closed(1006);
  await world.advance(250);
  assert.equal(tab.sockets.length, 2);
  await world.advance(10_500);
  assert.equal(tab.sockets[1]?.left, 1000);
  assert.equal(tab.sockets.length, 3);
});
