import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { json, problem } from "./support/hub.js";
import { open, signedIn } from "./support/person.js";
import { FakeWindow } from "./support/window.js";
import { eventually, World } from "./support/world.js";

const EXCHANGE = "POST /api/auth/oauth/exchange";
const LINK = "POST /api/users/me/identities/github";
const redirectTo = "https://app.example.org/welcome?from=hub";
const back = (what: string) => `${redirectTo}&${what}`;

/** What the hub answers: one code, redeemed with the verifier of the challenge that began. */
function hubOf(world: World): void {
  world.hub.script((seen) => {
    if (seen.path === "/api/auth/oauth") return json({ providers: [{ id: "github", name: "GitHub", start: "…" }] });
    if (`${seen.method} ${seen.path}` === LINK) return json({ url: "https://hub.example.org/link/1" });
    if (seen.path === "/api/users/me/identities") return json({ items: [{ id: "i1", provider: "github" }] });
    if (seen.path === "/api/users/me/identities/i1") return problem(409, "last_credential");
    if (seen.path !== "/api/auth/oauth/exchange") return undefined;
    if (seen.headers.has("Authorization")) return json({ identity: { id: "i1", provider: "github" } });
    const { code } = seen.body as { code: string };
    return code === "good" ? json(world.hub.pair(seen)) : problem(401, "invalid_token");
  });
}

const parameters = (address: string) => Object.fromEntries(new URL(address).searchParams);

const hasLeft = (window: FakeWindow | undefined) =>
  eventually(() => window?.location.href.startsWith("https://hub.example.org/") ?? false);

/** Leaves `window` for GitHub. */
async function leave(world: World, window: FakeWindow): Promise<void> {
  const { client } = await open(world, {}, window);
  await client.signInWithProvider("github", { redirectTo });
  await hasLeft(window);
}

test("the page goes to the provider with an S256 challenge, and its verifier goes nowhere", async () => {
  const world = new World();
  const window = new FakeWindow();
  await leave(world, window);
  const { origin, pathname } = new URL(window.location.href);
  assert.equal(origin + pathname, "https://hub.example.org/api/auth/oauth/github/start");
  const { redirect_to, code_challenge, ...more } = parameters(window.location.href);
  assert.deepEqual([redirect_to, more], [redirectTo, {}]);
  const { code_verifier } = JSON.parse([...window.items.values()][0] ?? "") as { code_verifier: string };
  assert.match(code_verifier, /^[\w.~-]{43,128}$/);
  assert.equal(code_challenge, createHash("sha256").update(code_verifier).digest("base64url"));
});

test("who goes back to the page as it was, from the back/forward cache, finds nothing that waits, and can leave again", async () => {
  const world = new World();
  const window = new FakeWindow();
  hubOf(world);
  world.hub.isSignedIn = true;
  const { client } = await open(world, {}, window);
  for (const begin of ["signInWithProvider", "linkIdentity"] as const) {
    await client[begin]("github", { redirectTo });
    assert.notEqual(window.location.href, redirectTo, "told to leave before the promise ends");
    window.location.href = redirectTo;
    await client[begin]("github", { redirectTo });
    assert.notEqual(window.location.href, redirectTo);
    window.location.href = redirectTo;
  }
});

test("back from there, the code is off the address and redeemed, and nobody refreshes before", async () => {
  const world = new World();
  const window = new FakeWindow();
  hubOf(world);
  await leave(world, window);
  const { code_verifier } = JSON.parse([...window.items.values()][0] ?? "") as { code_verifier: string };
  const before = world.hub.seen.length;
  window.location.href = back("code=good");
  const { of, client } = await open(world, {}, window);
  assert.equal(window.location.href, redirectTo);
  assert.equal(window.items.size, 0);
  const [exchange] = world.hub.asked(EXCHANGE);
  assert.deepEqual(exchange?.body, { code: "good", code_verifier });
  assert.equal(exchange?.headers.get("X-Portcullis-Mode"), "cookie");
  assert.equal(world.hub.seen[before], exchange);
  assert.equal(of("signedIn").length, 1);
  assert.equal(client.snapshot().status, "signedIn");
});

test("an error that comes back is told, and so is a code that the hub refuses; who was signed in stays so", async () => {
  for (const [what, code] of [["error=email_unverified", "email_unverified"], ["code=stolen", "invalid_token"]] as const) {
    const world = new World();
    const window = new FakeWindow();
    hubOf(world);
    await leave(world, window);
    world.hub.isSignedIn = true;
    window.location.href = back(what);
    const { of, client } = await open(world, {}, window);
    await world.advance(100);
    assert.deepEqual(of("error").map((error) => error.code), [code]);
    assert.equal(window.location.href, redirectTo);
    assert.equal(client.snapshot().status, "signedIn");
  }
});

test("a code in the address of a window that has begun nothing is somebody else's", async () => {
  const world = new World();
  const window = new FakeWindow();
  window.location.href = back("code=good");
  await open(world, {}, window);
  assert.equal(window.location.href, back("code=good"));
  assert.equal(world.hub.asked(EXCHANGE).length, 0);
});

test("another page's code in the address is none of a provider", async () => {
  const world = new World();
  const window = new FakeWindow();
  await leave(world, window);
  window.location.href = "https://app.example.org/shop?code=SPRING";
  const { of } = await open(world, {}, window);
  assert.equal(window.location.href, "https://app.example.org/shop?code=SPRING");
  assert.equal(world.hub.asked(EXCHANGE).length, 0);
  assert.equal(of("error").length, 0);
});

test("two tabs with a popup each: what one brings back does not end the other's", async () => {
  const world = new World();
  hubOf(world);
  const [first, second] = [await open(world), await open(world)];
  const begin = ({ client }: typeof first) => client.signInWithProvider("github", { redirectTo, popup: true, device: "desk" });
  const waiting = assert.rejects(begin(first), { code: "access_denied" });
  const done = begin(second);
  const [denied, popup] = [first.tab.window.popup as FakeWindow, second.tab.window.popup as FakeWindow];
  await hasLeft(denied);
  await hasLeft(popup);
  popup.location.href = back("code=good");
  await open(world, {}, popup);
  await done;
  assert.equal((world.hub.asked(EXCHANGE)[0]?.body as { device?: string }).device, "desk");
  assert.equal(denied.closed, false);
  denied.location.href = back("error=access_denied");
  await open(world, {}, denied);
  await waiting;
});

test("who comes back without an answer has ended the attempt", async () => {
  const world = new World();
  const window = new FakeWindow();
  await leave(world, window);
  window.location.href = redirectTo;
  await open(world, {}, window);
  window.location.href = back("code=good");
  await open(world, {}, window);
  assert.equal(world.hub.asked(EXCHANGE).length, 0);
});

test("a popup signs in for the page that opened it, tells it, and closes", async () => {
  const world = new World();
  hubOf(world);
  const { client, tab, of } = await open(world);
  const done = client.signInWithProvider("github", { redirectTo, popup: true });
  const popup = tab.window.popup as FakeWindow;
  assert.ok(popup, "opened before anything is waited for");
  await hasLeft(popup);
  assert.equal(new URL(popup.location.href).pathname, "/api/auth/oauth/github/start");
  assert.equal(tab.window.items.size, 0);
  assert.equal(tab.window.location.href, "https://app.example.org/");
  popup.location.href = back("code=good");
  await open(world, {}, popup);
  await done;
  assert.ok(popup.closed);
  assert.equal(client.snapshot().status, "signedIn");
  assert.equal(of("signedIn").length, 1);
});

test("a popup that fails, is closed or is blocked ends the promise", async () => {
  const world = new World();
  hubOf(world);
  const { client, tab } = await open(world);
  const begin = () => client.signInWithProvider("github", { redirectTo, popup: true });

  const failing = assert.rejects(begin(), { code: "access_denied" });
  const popup = tab.window.popup as FakeWindow;
  await hasLeft(popup);
  popup.location.href = back("error=access_denied");
  await open(world, {}, popup);
  await failing;

  const closing = assert.rejects(begin(), { code: "popup_closed" });
  await hasLeft(tab.window.popup);
  tab.window.isInFront = false;
  tab.window.popup?.close();
  await world.advance(5_000);
  tab.window.isInFront = true;
  await world.advance(1_000);
  await closing;

  tab.window.isBlocking = true;
  await assert.rejects(begin(), { code: "popup_blocked" });
});

test("linking starts and ends with the token of the person who is signed in", async () => {
  const world = new World();
  const window = new FakeWindow();
  hubOf(world);
  world.hub.isSignedIn = true;
  const { client } = await open(world, {}, window);
  await client.linkIdentity("github", { redirectTo });
  await hasLeft(window);
  const [start] = world.hub.asked(LINK);
  assert.equal(start?.headers.get("Authorization"), "Bearer access-1");
  assert.deepEqual(Object.keys(start?.body as object), ["redirect_to", "code_challenge"]);
  assert.equal(window.location.href, "https://hub.example.org/link/1");
  client.close();

  window.location.href = back("code=link");
  const returned = await open(world, {}, window);
  await world.advance(100);
  const [exchange] = world.hub.asked(EXCHANGE);
  assert.match(exchange?.headers.get("Authorization") ?? "", /^Bearer access-/);
  assert.equal(exchange?.headers.get("X-Portcullis-Mode"), null);
  assert.equal(returned.of("error").length, 0);
  assert.equal(returned.of("signedIn").length, 1);
  const order = returned.told.map(([type]) => type);
  assert.ok(order.indexOf("signedIn") < order.indexOf("linked"), "who lists identities at `signedIn` lists them again");
});

test("providers and identities are listed, and a refusal to unlink is thrown", async () => {
  const world = new World();
  hubOf(world);
  const { client } = await signedIn(world);
  assert.deepEqual((await client.providers()).map(({ id }) => id), ["github"]);
  assert.deepEqual((await client.identities()).map(({ id }) => id), ["i1"]);
  await assert.rejects(client.unlinkIdentity("i1"), { code: "last_credential", status: 409 });
});
