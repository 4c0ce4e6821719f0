/** The examples are run, not only written; `tsc` has checked their types. */

import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createElement } from "react";
import { createBackend } from "../examples/backend.js";
import { App } from "../examples/react.js";

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("the backend lets in who has one of the roles, by the keys that it fetches", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "EdDSA", use: "sig" }];
  const hub = createServer((_request, response) => response.end(JSON.stringify({ keys })));
  const url = await listen(hub);
  const backend = createBackend(url);
  const address = await listen(backend);
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const ask = async (role: string) => {
    const claims = { iss: url, aud: url, sub: "u1", client_id: "portcullis", sid: "s1", jti: "j1", iat: now, exp: now + 60, auth_time: now, ver: 1, role, amr: ["pwd"] };
    const text = `${encode({ typ: "at+jwt", alg: "EdDSA", kid: "k1" })}.${encode(claims)}`;
    const token = `${text}.${sign(null, Buffer.from(text), privateKey).toString("base64url")}`;
    return fetch(address, { headers: { Authorization: `Bearer ${token}` } });
  };
  try {
    const editor = await ask("editor");
    assert.deepEqual([editor.status, await editor.json()], [200, { user: "u1", role: "editor" }]);
    const user = await ask("user");
    assert.deepEqual([user.status, await user.json()], [403, { code: "forbidden" }]);
    assert.equal((await fetch(address)).status, 401);
  } finally {
    for (const server of [hub, backend]) {
      server.closeAllConnections();
      server.close();
    }
  }
});

test("the component renders on a server, where nothing is known yet", async () => {
  const { renderToString } = await import("react-dom/server");
  assert.equal(renderToString(createElement(App)), "<p>…</p>");
});
