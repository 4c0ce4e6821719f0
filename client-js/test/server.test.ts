import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { test } from "node:test";
import { bearer, createHubOn } from "../src/hub.js";
import { json, problem } from "./support/hub.js";
import { World } from "./support/world.js";

const url = "https://hub.example.org";
const JWKS = "GET /.well-known/jwks.json";

interface Signer {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: object;
}

function signer(kid: string): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { kid, privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: "EdDSA", use: "sig" } };
}

function token(by: Signer, claims: object, header: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const message = `${part({ typ: "at+jwt", alg: "EdDSA", kid: by.kid, ...header })}.${part(claims)}`;
  return `${message}.${sign(null, Buffer.from(message), by.privateKey).toString("base64url")}`;
}

const claims = {
  iss: url, aud: url, sub: "u1", client_id: "portcullis", sid: "s1", jti: "j1",
  iat: 990, exp: 1_290, auth_time: 990, ver: 3, role: "editor", amr: ["pwd"],
};

function hubWith(...signers: Signer[]) {
  const world = new World();
  const keys = [...signers];
  world.hub.script(({ path }) => (path === "/.well-known/jwks.json" ? json({ keys: keys.map(({ jwk }) => jwk) }) : undefined));
  const hub = createHubOn(world.tab().platform, { url, serviceKey: "pck_1_secret" });
  return { world, hub, keys };
}

test("a token of the hub is verified with keys that are fetched once", async () => {
  const key = signer("k1");
  const { world, hub } = hubWith(key);
  const [first] = await Promise.all([hub.verify(token(key, claims)), hub.verify(token(key, claims))]);
  assert.deepEqual(first, claims);
  assert.equal(world.hub.asked(JWKS).length, 1);
});

test("whatever is not exactly an access token of this hub is refused", async () => {
  const key = signer("k1");
  const { hub } = hubWith(key);
  const [head = "", body = "", signature = ""] = token(key, claims).split(".");
  const forged = signer("k1");
  const wrong = {
    "another key": token(forged, claims),
    "a socket token": token(key, claims, { typ: "socket+jwt" }),
    "another algorithm": token(key, claims, { alg: "HS256" }),
    "no algorithm": token(key, claims, { alg: "none" }),
    "a header too many": token(key, claims, { jku: "https://evil.example" }),
    "another issuer": token(key, { ...claims, iss: "https://evil.example" }),
    "another audience": token(key, { ...claims, aud: `${url}/ws` }),
    "an audience of the wrong type": token(key, { ...claims, aud: [url] }),
    expired: token(key, { ...claims, exp: 994 }),
    "an expiry of the wrong type": token(key, { ...claims, exp: "9999999999" }),
    "from the future": token(key, { ...claims, iat: 1_100 }),
    "no role": token(key, { ...claims, role: undefined }),
    "no signature": `${head}.${body}.`,
    "changed claims": `${head}.${Buffer.from(JSON.stringify({ ...claims, role: "admin" })).toString("base64url")}.${signature}`,
    "too long": token(key, { ...claims, jti: "j".repeat(9_000) }),
    "no token": "",
  };
  for (const [why, bad] of Object.entries(wrong)) {
    await assert.rejects(hub.verify(bad), { code: "invalid_token", status: 401 }, why);
  }
});

test("a role that is needed is checked", async () => {
  const key = signer("k1");
  const { hub } = hubWith(key);
  assert.equal((await hub.verify(token(key, claims), { role: ["admin", "editor"] })).role, "editor");
  await assert.rejects(hub.verify(token(key, claims), { role: "admin" }), { code: "forbidden", status: 403 });
});

test("a new key is found, not more than once in five seconds, and a withdrawn one is believed five minutes at most", async () => {
  const [old, next] = [signer("k1"), signer("k2")];
  const { world, hub, keys } = hubWith(old);
  await hub.verify(token(old, claims));
  await assert.rejects(hub.verify(token(next, claims)), { code: "invalid_token" });
  assert.equal(world.hub.asked(JWKS).length, 1);
  keys.splice(0, 1, next);
  world.time += 5_000;
  assert.equal((await hub.verify(token(next, claims))).sub, "u1");
  world.time += 5 * 60_000;
  await assert.rejects(hub.verify(token(old, { ...claims, exp: 2_000 })), { code: "invalid_token" });
});

test("keys that cannot be fetched are no invalid token", async () => {
  const key = signer("k1");
  const { world, hub } = hubWith(key);
  world.isOnline = false;
  await assert.rejects(hub.verify(token(key, claims)), { code: "network" });
  await assert.rejects(hub.verify(token(key, claims)), { code: "unavailable" });
});

test("introspection is a form with the service key, and checks a permission", async () => {
  const { world, hub } = hubWith();
  const found = { ...claims, active: true, token_type: "Bearer", permissions: ["orders:read"] };
  world.hub.script(({ body }) => json(String(body).includes("dead") ? { active: false } : found));
  assert.deepEqual(await hub.introspect("abc", { permission: "orders:read" }), found);
  const [asked] = world.hub.asked("POST /api/auth/introspect");
  assert.match(asked?.headers.get("Content-Type") ?? "", /^application\/x-www-form-urlencoded/);
  assert.equal(asked?.body, "token=abc");
  assert.equal(asked?.headers.get("Authorization"), "Bearer pck_1_secret");
  await assert.rejects(hub.introspect("abc", { permission: "orders:write" }), { code: "forbidden" });
  await assert.rejects(hub.introspect("dead"), { code: "invalid_token" });
});

test("revocations and roles are asked for as the hub wants them", async () => {
  const { world, hub } = hubWith();
  world.hub.script(({ path }) => (path.startsWith("/api/") ? json({}) : problem(404, "not_found")));
  await hub.revoke({ user_id: "u1", except_session_id: "s1" }, { reason: "stolen laptop", wait: "all", timeoutMs: 5_000 });
  await hub.assignRole("u1", "editor");
  await hub.receipt("r1");
  const [revoke] = world.hub.asked("POST /api/revocations?wait=all&timeout_ms=5000");
  assert.deepEqual(revoke?.body, { user_id: "u1", except_session_id: "s1", reason: "stolen laptop" });
  const [assign] = world.hub.asked("PUT /api/users/u1/site_role");
  assert.deepEqual(assign?.body, { role: "editor" });
  assert.equal(world.hub.asked("GET /api/revocations/r1").length, 1);
});

test("without a service key nothing is sent", async () => {
  const world = new World();
  const hub = createHubOn(world.tab().platform, { url });
  await assert.rejects(hub.assignRole("u1", "editor"), TypeError);
  assert.equal(world.hub.seen.length, 0);
});

test("the token of a header", () => {
  assert.equal(bearer("Bearer a.b-c_d.e"), "a.b-c_d.e");
  for (const header of [undefined, null, "", "Basic abc", "Bearer", "Bearer a b"]) assert.equal(bearer(header), undefined);
});
