import assert from "node:assert/strict";
import { test } from "node:test";
import { createClientOn } from "../src/client.js";
import { json, problem, USER } from "./support/hub.js";
import { open, signedIn } from "./support/person.js";
import { STATE } from "./support/socket.js";
import { settle, World } from "./support/world.js";

const REFRESH = "POST /api/auth/refresh";

test("a page finds its session by the cookie, and no token is in a body", async () => {
  const world = new World();
  const { client, of } = await signedIn(world);
  const [refresh] = world.hub.asked(REFRESH);
  assert.equal(refresh?.headers.get("X-Portcullis-Mode"), "cookie");
  assert.equal(refresh?.headers.get("Content-Type"), "application/json");
  assert.equal(refresh?.credentials, "include");
  assert.deepEqual(refresh?.body, {});
  assert.deepEqual(of("signedIn"), [{ user: USER, sessionId: "s1" }]);
  assert.equal(await client.accessToken(), "access-1");
});

test("nobody signed in is told as such, and is not an error", async () => {
  const { client, of } = await open(new World());
  assert.deepEqual(of("signedOut"), [{ reason: "none" }]);
  assert.equal(of("error").length, 0);
  assert.equal((await client.ready()).status, "signedOut");
  await assert.rejects(client.accessToken(), { code: "not_signed_in" });
});

test("without a network it is not known who is signed in, until there is one", async () => {
  const world = new World();
  world.isOnline = false;
  world.hub.isSignedIn = true;
  const { client, tab } = await open(world);
  await world.advance(5_000);
  assert.equal(client.snapshot().status, "unknown");
  world.isOnline = true;
  await tab.wake();
  await world.advance(500);
  assert.equal(client.snapshot().status, "signedIn");
});

test("a refresh without an answer is repeated at once, once, with the same token; then whoever asked is told", async () => {
  const world = new World();
  const { client } = await open(world, { socket: false, storage: world.store });
  await client.signIn({ email: USER.email, password: "correct horse" });
  let lost = 0;
  world.hub.script(({ path }) => {
    if (path !== "/api/auth/refresh" || lost === 0) return undefined;
    lost -= 1;
    throw new TypeError("fetch failed");
  });
  const presented = () => world.hub.asked(REFRESH).map(({ body }) => (body as { refresh_token: string }).refresh_token);
  world.time += 300_000;
  lost = 1;
  assert.equal(await client.accessToken(), "access-2");
  assert.deepEqual(presented(), ["refresh-1", "refresh-1"]);

  world.time += 300_000;
  lost = 2;
  await assert.rejects(client.accessToken(), { code: "network" });
  assert.equal(presented().length, 4);
  assert.equal(await client.accessToken(), "access-3");
  assert.deepEqual(presented().slice(2), ["refresh-2", "refresh-2", "refresh-2"]);
});

test("an answer that is lost while somebody signs out is not asked for again", async () => {
  const world = new World();
  const { client } = await open(world, { socket: false, storage: world.store });
  await client.signIn({ email: USER.email, password: "correct horse" });
  world.time += 300_000;
  let lose = () => {};
  const held = new Promise<void>((resume) => (lose = resume));
  world.hub.script(async ({ path }) => {
    if (path !== "/api/auth/refresh") return undefined;
    await held;
    throw new TypeError("fetch failed");
  });
  const refused = assert.rejects(client.accessToken(), { code: "not_signed_in" });
  await settle();
  await client.signOut();
  lose();
  await refused;
  assert.equal(world.hub.asked(REFRESH).length, 1);
});

test("a header says when to come back where no body of the hub does", async () => {
  const world = new World();
  const { client } = await open(world);
  const refuse = (headers: Record<string, string>) => {
    world.hub.script(() => new Response("<html>", { status: 503, headers }));
    return client.signUp({ email: USER.email, password: "x" });
  };
  await assert.rejects(refuse({ "Retry-After": "7" }), { code: "unexpected_answer", retryAfterMs: 7_000 });
  await assert.rejects(refuse({ "Retry-After": "soon" }), { retryAfterMs: 0 });
  await assert.rejects(refuse({}), { retryAfterMs: 0 });
});

test("a header's time is waited out by the socket, too", async () => {
  const world = new World();
  const { tab, client } = await signedIn(world);
  const headers = { "Retry-After": "9" };
  world.hub.script(({ path }) => (path === "/api/auth/socket" ? new Response("busy", { status: 503, headers }) : undefined));
  tab.socket.closed(4101);
  await world.advance(250);
  assert.ok((client.snapshot().connection.retryInMs ?? 0) >= 9_000);
});

test("where no other token is to be had, fetch answers with the 401, and says why by an event", async () => {
  for (const [refusal, told] of [[401, "signedOut"], [503, "error"], [0, "error"]] as const) {
    const world = new World();
    world.hub.isSignedIn = true;
    const { client, of } = await open(world, { socket: false, apiOrigins: ["https://api.example.org"] });
    world.hub.script(({ path }) => {
      if (path === "/orders") return problem(401, "invalid_token");
      if (refusal === 0) throw new TypeError("fetch failed");
      return problem(refusal, refusal === 401 ? "session_revoked" : "unavailable");
    });
    assert.equal((await client.fetch("https://api.example.org/orders")).status, 401);
    assert.equal(of(told).length, 1);
    assert.equal(world.hub.asked("GET /orders").length, 1);

    // The same where the token is too old before the request.
    world.time += 300_000;
    assert.equal((await client.fetch("https://api.example.org/orders")).status, 401);
    assert.equal(of("signedOut").length, refusal === 401 ? 1 : 0);
    assert.equal(world.hub.asked("GET /orders").length, refusal === 401 ? 1 : 2, "nobody's token is sent");
  }
});

test("a token that could not be replaced in time is still used for as long as the session lives", async () => {
  const world = new World();
  world.hub.isSignedIn = true;
  const { client, of } = await open(world, { socket: false, apiOrigins: ["https://api.example.org"] });
  world.time += 290_000;
  world.hub.script(({ path }) => (path === "/orders" ? json({}) : problem(503, "unavailable")));
  assert.equal((await client.fetch("https://api.example.org/orders")).status, 200);
  assert.deepEqual(of("error").map(({ code }) => code), ["unavailable"]);
});

test("links of letters work with nobody signed in, and the person's own calls as that person", async () => {
  const world = new World();
  const { client } = await open(world, { socket: false });
  const asked = () => {
    const { method, path, headers } = world.hub.seen.at(-1) ?? world.hub.seen[0]!;
    return [method, path, headers.get("Authorization")];
  };
  world.hub.script(({ path }) => (/undo|revoke|export|role|sessions/.test(path) ? json({ items: [] }) : undefined));
  await client.undoEmailChange("a/b");
  assert.deepEqual(asked(), ["POST", "/api/users/email-undo/a%2Fb", null]);
  await client.revokeDevice("t1");
  assert.deepEqual(asked(), ["POST", "/api/auth/device-revoke/t1", null]);
  await client.signIn({ email: USER.email, password: "correct horse" });
  const calls = [
    [() => client.endOtherSessions(), "DELETE", "/api/users/me/sessions"],
    [() => client.signOut({ scope: "others" }), "DELETE", "/api/users/me/sessions"],
    [() => client.exportData(), "GET", "/api/users/me/export"],
    [() => client.siteRole(), "GET", "/api/auth/site_role"],
  ] as const;
  for (const [call, method, path] of calls) {
    await call();
    assert.deepEqual(asked(), [method, path, "Bearer access-1"]);
  }
  assert.equal(client.snapshot().status, "signedIn");
});

test("a full or forbidden store keeps nobody from signing in or out", async () => {
  for (const refuses of [["setItem"], ["removeItem"], ["getItem", "setItem", "removeItem"]]) {
    for (const mode of ["cookie", "body"]) {
      const world = new World();
      const deny = () => {
        throw new Error("QuotaExceededError");
      };
      Object.assign(world.store, Object.fromEntries(refuses.map((name) => [name, deny])));
      const options = { socket: false, ...(mode === "body" && { storage: world.store }) } as const;
      const { client, of } = await open(world, options);
      await client.signIn({ email: USER.email, password: "correct horse" });
      world.time += 300_000;
      assert.match(await client.accessToken(), /^access-/);
      await client.signOut();
      assert.equal(world.hub.isSignedIn, false, `${mode}: the hub was told`);
      assert.equal(client.snapshot().status, "signedOut");
      await assert.rejects(client.accessToken(), { code: "not_signed_in" });
      assert.ok(of("error").every(({ code }) => code === "storage_refused"));
    }
  }
});

test("a sign-out that the store could not note is told as soon as the hub can be reached", async () => {
  const world = new World();
  const { client } = await open(world, { socket: false });
  await client.signIn({ email: USER.email, password: "correct horse" });
  world.store.setItem = () => Promise.reject(new Error("QuotaExceededError"));
  world.isOnline = false;
  await client.signOut();
  world.isOnline = true;
  await world.advance(30_000);
  assert.equal(world.hub.isSignedIn, false);
});

test("a channel that is forbidden or closed keeps nobody from signing out", async () => {
  const world = new World();
  const tab = world.tab();
  const forbidden = () => {
    throw new Error("SecurityError");
  };
  const closed = () => ({ onmessage: null, postMessage: forbidden, close: () => {} });
  for (const openChannel of [forbidden, closed]) {
    const client = createClientOn({ ...tab.platform, openChannel }, { url: "https://hub.example.org", socket: false });
    await client.signIn({ email: USER.email, password: "correct horse" });
    assert.equal(world.hub.isSignedIn, true);
    await client.signOut();
    assert.equal(world.hub.isSignedIn, false);
  }
});

test("calls that need a new token at the same time share one refresh", async () => {
  const world = new World();
  world.hub.isSignedIn = true;
  const { client } = await open(world, { socket: false });
  world.time += 300_000;
  const tokens = await Promise.all([client.accessToken(), client.accessToken(), client.accessToken()]);
  assert.deepEqual(tokens, ["access-2", "access-2", "access-2"]);
  assert.equal(world.hub.asked(REFRESH).length, 2);
});

test("only a 401 to the refresh signs out; what else fails is thrown", async () => {
  for (const [status, code] of [[503, "unavailable"], [429, "rate_limited"], [500, "internal"]] as const) {
    const world = new World();
    world.hub.isSignedIn = true;
    const { client, of } = await open(world, { socket: false });
    world.time += 300_000;
    world.hub.script(() => problem(status, code));
    await assert.rejects(client.accessToken(), { code, status });
    assert.equal(of("signedOut").length, 0);
  }
});

test("the reason for a refused refresh is told", async () => {
  const reasons = { refresh_reused: "refresh_reused", session_revoked: "revoked", invalid_token: "expired" };
  for (const [code, reason] of Object.entries(reasons)) {
    const world = new World();
    world.hub.isSignedIn = true;
    const { client, of } = await open(world, { socket: false });
    world.time += 300_000;
    world.hub.script(() => problem(401, code));
    await assert.rejects(client.accessToken(), { code });
    assert.deepEqual(of("signedOut"), [{ reason }]);
  }
});

test("while the socket is open it brings the tokens, and the refresh token is not spent", async () => {
  const world = new World();
  const { client, tab } = await signedIn(world);
  for (let ping = 0; ping < 10; ping += 1) {
    await world.advance(25_000);
    tab.socket.say({ type: "ping", version: 2 });
  }
  await world.advance(21_000);
  const asked = tab.socket.sent.find(({ type }) => type === "token");
  tab.socket.say({ type: "token", id: asked?.["id"], access_token: "socket-1", expires_in: 300 });
  await settle();
  assert.equal(await client.accessToken(), "socket-1");
  assert.equal(world.hub.asked(REFRESH).length, 1);
});

test("a token of the socket opens no socket, so a refresh comes first", async () => {
  const world = new World();
  const { tab } = await signedIn(world);
  const state = { ...STATE, version: 3, role: "admin" };
  tab.socket.say({ type: "state", sequence: 42, reason: "role_changed", state, access_token: "socket-1", expires_in: 300 });
  tab.socket.closed(4201);
  await world.advance(500);
  assert.equal(world.hub.asked(REFRESH).length, 2);
  const [, ticket] = world.hub.asked("GET /api/auth/socket");
  assert.equal(ticket?.headers.get("Authorization"), "Bearer access-3");
});

test("after twelve hours the socket gives no tokens: the client refreshes and connects anew", async () => {
  const world = new World();
  const { tab } = await signedIn(world);
  world.time += 295_000;
  tab.socket.say({ type: "ping", version: 2 });
  await world.advance(1);
  const asked = tab.socket.sent.find(({ type }) => type === "token");
  tab.socket.say({ type: "error", id: asked?.["id"], code: "refresh_required", detail: "refresh first" });
  await settle();
  assert.equal(world.hub.asked(REFRESH).length, 2);
  assert.equal(tab.sockets.length, 2);
});

test("fetch sends the token, tries once more after a 401, and gives nobody else the token", async () => {
  const world = new World();
  world.hub.isSignedIn = true;
  const { client } = await open(world, { socket: false, apiOrigins: ["https://api.example.org"] });
  world.hub.refused.add("access-1");
  world.hub.script(({ path, headers, body }) => {
    if (path !== "/orders") return undefined;
    const token = headers.get("Authorization")?.slice(7) ?? "";
    return world.hub.refused.has(token) ? problem(401, "invalid_token") : json({ token, body });
  });
  const response = await client.fetch("https://api.example.org/orders", { method: "POST", body: "one" });
  assert.deepEqual(await response.json(), { token: "access-2", body: "one" });
  const before = world.hub.seen.length;
  await assert.rejects(client.fetch("https://elsewhere.example.org/"), { code: "foreign_origin" });
  assert.equal(world.hub.seen.length, before);

  world.hub.script(({ path }) => (path === "/orders" ? problem(401, "invalid_token") : undefined));
  assert.equal((await client.fetch("https://api.example.org/orders")).status, 401);
  assert.equal(world.hub.asked("GET /orders").length, 2);
});

test("a refusal becomes one error with all that the hub said", async () => {
  const world = new World();
  const { client } = await open(world);
  const errors = [{ field: "password", code: "weak_password", detail: "too easy" }];
  world.hub.script(() => problem(422, "validation_failed", { errors, retry_after: 2 }));
  await assert.rejects(client.signUp({ email: USER.email, password: "x" }), {
    name: "PortcullisError",
    code: "validation_failed",
    status: 422,
    request_id: "r1",
    retryAfterMs: 2_000,
    errors,
  });
  world.hub.script(() => new Response("<html>", { status: 502 }));
  await assert.rejects(client.signUp({ email: USER.email, password: "x" }), { code: "unexpected_answer", status: 502 });
});

test("an answer that was under way at the sign-out is not heard, and its token is not kept", async () => {
  const world = new World();
  const { client, of } = await open(world, { socket: false, storage: world.store });
  await client.signIn({ email: USER.email, password: "correct horse" });
  world.time += 300_000;
  let answer = () => {};
  const held = new Promise<void>((resume) => {
    answer = resume;
  });
  world.hub.script(async (seen) => {
    if (seen.path !== "/api/auth/refresh") return undefined;
    await held;
    return json(world.hub.pair(seen));
  });
  const refused = assert.rejects(client.accessToken(), { code: "not_signed_in" });
  await settle();
  assert.equal(world.hub.asked(REFRESH).length, 1);
  await client.signOut();
  answer();
  await refused;
  assert.equal(client.snapshot().status, "signedOut");
  assert.equal(await world.store.getItem("portcullis:https://hub.example.org:refresh_token"), null);
  assert.deepEqual(of("signedIn").length, 1);
});

test("nobody who has signed out is signed in by what was about to begin", async () => {
  const world = new World();
  world.hub.isSignedIn = true;
  const { client } = await open(world, { socket: false });
  world.time += 300_000;
  const late = client.accessToken();
  const refused = assert.rejects(late, { code: "not_signed_in" });
  await client.signOut();
  await refused;
  assert.equal(client.snapshot().status, "signedOut");
});

test("a stored refresh token is replaced at each refresh, and gone after the sign-out", async () => {
  const world = new World();
  const { client } = await open(world, { socket: false, storage: world.store });
  await client.signIn({ email: USER.email, password: "correct horse" });
  const [key, name] = ["portcullis:https://hub.example.org:refresh_token", "refresh_token"];
  assert.equal(await world.store.getItem(key), "refresh-1");
  world.time += 300_000;
  await client.accessToken();
  assert.equal(await world.store.getItem(key), "refresh-2");
  assert.deepEqual(world.hub.asked(REFRESH).at(-1)?.body, { [name]: "refresh-1" });
  assert.equal(world.hub.asked(REFRESH).at(-1)?.headers.get("X-Portcullis-Mode"), null);
  await client.signOut();
  assert.equal(await world.store.getItem(key), null);
  assert.deepEqual(world.hub.asked("POST /api/auth/logout").at(-1)?.body, { scope: "session", [name]: "refresh-2" });
});

test("another tab has kept a newer token: the older one's refusal is no end", async () => {
  const world = new World();
  const { client } = await open(world, { socket: false, storage: world.store, tabs: "alone" });
  await client.signIn({ email: USER.email, password: "correct horse" });
  world.time += 300_000;
  const key = "portcullis:https://hub.example.org:refresh_token";
  world.hub.script(({ path, body }) => {
    const isOld = (body as { refresh_token?: string }).refresh_token === "refresh-1";
    if (path !== "/api/auth/refresh" || !isOld) return undefined;
    void world.store.setItem(key, "refresh-9");
    return problem(401, "invalid_token");
  });
  assert.equal(await client.accessToken(), "access-2");
  assert.equal(client.snapshot().status, "signedIn");
});
