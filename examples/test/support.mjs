// What the tests of the examples share: programs that are started, and a hub in whose name a test can sign.

import { spawn } from "node:child_process";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { Hub, PASSWORD } from "../../client-js/e2e/hub.mjs";
import { until } from "../../client-js/e2e/until.mjs";

export { PASSWORD, until };

/** A path below `examples/`. */
export const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Listens on a free port; gives the address. */
export async function listen(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

export function close(server) {
  server.closeAllConnections();
  server.close();
}

export async function freePort() {
  const server = createServer();
  const { port } = new URL(await listen(server));
  server.close();
  return port;
}

/** A hub with an admin and Ada; `settings` are variables of its environment. */
export async function openHub(settings) {
  const hub = await Hub.open(settings);
  const { id, ...ada } = await hub.person();
  hub.signIn = () => hub.call("POST /api/auth", ada);
  /** Gives Ada a role whose permissions are `orders:write`, or nothing for `user`. */
  hub.giveRole = (role) => hub.manage(`PUT /api/users/${id}/site_role`, { role });
  await hub.manage("PUT /api/roles/editor", { permissions: ["orders:write"] });
  return hub;
}

const running = new Set();

/** Ends what `run` has started, and in the end this process, also where a test failed on the way. */
export async function endPrograms() {
  setTimeout(() => process.exit(1), 10_000).unref();
  await Promise.all([...running].map((program) => program.kill()));
}

/** A program; `text()` is what it has said. */
export function run(command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => said.push(String(data)));
  const exit = once(child, "exit");
  const program = {
    text: () => said.join(""),
    exit,
    async kill() {
      child.kill("SIGKILL");
      await exit;
      running.delete(program);
    },
  };
  running.add(program);
  return program;
}

const encode = (part) => Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");
export const decode = (part) => JSON.parse(Buffer.from(part, "base64url"));

/**
 * A real hub whose public address leads to this process: everything is passed on, but the key set that it publishes has
 * one key more. With that the test makes tokens that are right but for one thing.
 */
export async function openHubWithKey() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const stranger = generateKeyPairSync("ed25519").privateKey;
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "of-the-test", alg: "EdDSA", use: "sig" };
  let hub;
  const front = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { authorization, "content-type": contentType } = request.headers;
    const headers = { ...(authorization && { authorization }), ...(contentType && { "content-type": contentType }) };
    const body = chunks.length > 0 ? Buffer.concat(chunks) : null;
    const answer = await fetch(`http://${hub.address}${request.url}`, { method: request.method, headers, body });
    let text = await answer.text();
    if (request.url === "/.well-known/jwks.json") text = JSON.stringify({ keys: [...JSON.parse(text).keys, jwk] });
    response.writeHead(answer.status, { "Content-Type": answer.headers.get("content-type") }).end(text);
  });
  const url = await listen(front);
  hub = await openHub({ PORTCULLIS_PUBLIC_URL: url });
  const header = { typ: "at+jwt", alg: "EdDSA", kid: jwk.kid };

  /** A token of `claims` with the test's key, or signed in another `way`. */
  const forge = (claims, changes = {}, way = (text) => sign(null, Buffer.from(text), privateKey)) => {
    const text = `${encode({ ...header, ...changes })}.${encode(claims)}`;
    return `${text}.${way(text).toString("base64url")}`;
  };
  const ways = {
    /** By a key that is not the hub's. */
    stranger: (text) => sign(null, Buffer.from(text), stranger),
    /** With what everybody knows of the key as the secret. */
    secret: (text) => createHmac("sha256", Buffer.from(jwk.x, "base64url")).update(text).digest(),
    nothing: () => Buffer.alloc(0),
  };
  return {
    hub,
    url,
    forge,
    ways,
    async close() {
      close(front);
      await hub.close();
    },
  };
}
