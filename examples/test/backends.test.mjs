// Each backend, with tokens of the real hub: let in is who may, and nobody else.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { program as built } from "../bundle.mjs";
import { at, decode, endPrograms, freePort, openHubWithKey, run, until } from "./support.mjs";

const PYTHON = join(process.env.EXAMPLES_PYTHON, "bin/python");
const folder = mkdtempSync(join(tmpdir(), "portcullis-examples-"));

/** How each is started, as its README says; `asks` where it asks the hub for permissions. */
const backends = {
  express: {
    asks: true,
    start: async (port, env) => run(process.execPath, [await built("express")], { ...env, PORT: port }),
  },
  node: {
    asks: true,
    start: async (port, env) => run(process.execPath, [await built("node")], { ...env, PORT: port }),
  },
  fastapi: {
    asks: true,
    start: async (port, env) =>
      run(PYTHON, ["-m", "uvicorn", "--app-dir", at("fastapi"), "app:app", "--port", port], env),
  },
  django: {
    asks: false,
    async start(port, env) {
      const settings = { ...env, SQLITE: join(folder, `${port}.sqlite3`), PYTHONUNBUFFERED: "1" };
      const migrate = run(PYTHON, [at("django/app.py"), "migrate"], settings);
      assert.equal((await migrate.exit)[0], 0, migrate.text());
      return run(PYTHON, [at("django/app.py"), "runserver", "--noreload", `127.0.0.1:${port}`], settings);
    },
  },
};

/** Starts a backend and waits until it answers; gives what calls it with a token. */
async function open(name, env) {
  const port = await freePort();
  const program = await backends[name].start(port, env);
  const address = `http://127.0.0.1:${port}/orders`;
  const ask = (method, token) =>
    fetch(address, { method, headers: token === undefined ? {} : { Authorization: `Bearer ${token}` } });
  await until(`${name} answers`, () => ask("GET").then(() => true, () => false), 60_000).catch((error) => {
    throw new Error(`${error.message}\n${program.text()}`);
  });
  return ask;
}

const opened = {};
let front, hub;

before(async () => {
  front = await openHubWithKey();
  hub = front.hub;
  const { secret } = await hub.manage("POST /api/service_keys", { name: "backend", scopes: ["introspect"] });
  const away = `http://127.0.0.1:${await freePort()}`;
  const names = Object.keys(backends);
  const all = await Promise.all([
    ...names.map((name) => open(name, { HUB_URL: front.url, HUB_KEY: secret })),
    ...names.map((name) => open(name, { HUB_URL: away, HUB_KEY: secret })),
  ]);
  names.forEach((name, index) => (opened[name] = { ask: all[index], askAlone: all[index + names.length] }));
});

after(async () => {
  await endPrograms();
  await front?.close();
  rmSync(folder, { recursive: true });
});

async function expect(answer, status, body) {
  const { status: got } = await answer;
  const text = await (await answer).text();
  assert.equal(got, status, text);
  if (body) assert.deepEqual(JSON.parse(text), body);
}

for (const [name, { asks }] of Object.entries(backends)) {
  describe(name, () => {
    test("who is signed in is known, and by role let in or not", async () => {
      const { ask } = opened[name];
      await hub.giveRole("user");
      const before = await hub.signIn();
      await expect(ask("GET", before.access_token), 200, { user: before.user.id });
      await expect(ask("POST", before.access_token), 403);
      await hub.giveRole("editor");
      const now = await hub.signIn();
      await expect(ask("POST", now.access_token), 200, { role: "editor" });
      await expect(ask("POST", before.access_token), 403); // the role of the token's making
    });

    test("a token with one thing wrong is refused", async () => {
      const { ask } = opened[name];
      await hub.giveRole("editor");
      const { access_token: good, refresh_token } = await hub.signIn();
      const [head, payload, signature] = good.split(".");
      const claims = decode(payload);
      const now = Math.floor(Date.now() / 1000);
      const { forge, ways } = front;
      const socket = await fetch(`${front.url}/api/auth/socket`, { headers: { Authorization: `Bearer ${good}` } });
      const another = Buffer.from(JSON.stringify({ ...claims, role: "admin" })).toString("base64url");
      // What shows that the rest is right.
      await expect(ask("POST", forge(claims)), 200, { role: "editor" });
      const wrong = {
        "no token": undefined,
        nonsense: "nonsense",
        "a refresh token": refresh_token,
        "a socket token": (await socket.json()).token,
        "another's payload": `${head}.${another}.${signature}`,
        "no signature": `${head}.${payload}.`,
        "another audience": forge({ ...claims, aud: "https://other.example.org" }),
        "no audience": forge({ ...claims, aud: undefined }),
        "another issuer": forge({ ...claims, iss: "https://other.example.org" }),
        "no issuer": forge({ ...claims, iss: undefined }),
        expired: forge({ ...claims, iat: now - 400, exp: now - 100 }),
        "no end": forge({ ...claims, exp: undefined }),
        "another type": forge(claims, { typ: "JWT" }),
        "no type": forge(claims, { typ: undefined }),
        "a stranger's key": forge(claims, {}, ways.stranger),
        "a key that the hub does not have": forge(claims, { kid: "stranger" }, ways.stranger),
        "a public key as a secret": forge(claims, { alg: "HS256" }, ways.secret),
        "no algorithm": forge(claims, { alg: "none" }, ways.nothing),
      };
      for (const [what, token] of Object.entries(wrong)) {
        for (const method of asks ? ["GET", "POST", "DELETE"] : ["GET", "POST"]) {
          const answer = await ask(method, token);
          assert.equal(answer.status, 401, `${method} with ${what}: ${await answer.text()}`);
          assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer/, what);
        }
      }
    });

    test("while the hub is away nobody is called a stranger", async () => {
      const { access_token } = await hub.signIn();
      await expect(opened[name].askAlone("GET", access_token), 503);
    });

    if (!asks) return;
    test("a permission is asked of the hub, at this moment", async () => {
      const { ask } = opened[name];
      await hub.giveRole("user");
      const { access_token, session_id } = await hub.signIn();
      await expect(ask("DELETE", access_token), 403);
      await hub.giveRole("editor");
      await expect(ask("DELETE", access_token), 200, { permissions: ["orders:write"] });
      await hub.manage("POST /api/revocations", { session_id, reason: "a test" });
      await expect(ask("DELETE", access_token), 401);
      await expect(ask("GET", access_token), 200); // a token is believed for as long as it lives
    });
  });
}
