// The real hub and a real browser. PORTCULLIS_BINARY is the hub's program; Chromium is the system's (CHROMIUM, or
// /usr/bin/chromium).

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

export const PASSWORD = "seven swans at the lake";
const CLIENT = readFileSync(new URL("../dist/client.js", import.meta.url), "utf8");
const PAGE = `<!doctype html><title>e2e</title><script type="module">
  import { createClient } from "/client.js";
  window.hub = createClient({ url: location.origin, tabs: new URLSearchParams(location.search).get("tabs") ?? "each" });
  window.told = [];
  for (const type of ["signedIn", "signedOut", "state"]) hub.on(type, (event) => told.push([type, event]));
</script>`;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

export async function until(what, isSo, ms = 20_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    if (await isSo()) return;
    if (Date.now() > deadline) throw new Error(`in ${ms} ms did not happen: ${what}`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

/** A hub of its own, with an admin and one user. */
export class Hub {
  folder = mkdtempSync(join(tmpdir(), "portcullis-e2e-"));
  log = [];

  static async open() {
    const hub = new Hub();
    hub.port = await freePort();
    hub.url = `http://127.0.0.1:${hub.port}`;
    await hub.start();
    await hub.post(`/api/setup/${hub.setup}`, { email: "boss@example.org", password: PASSWORD });
    await hub.post("/api/users", { email: "ada@example.org", password: PASSWORD });
    await until("the activation letter", async () => {
      const { items } = await (await fetch(`${hub.url}/dev/mailbox.json`)).json();
      const letter = items.find(({ to, token }) => to === "ada@example.org" && token);
      if (letter) await fetch(`${hub.url}/api/auth/activate/${letter.token}`, { method: "PATCH" });
      return letter;
    });
    hub.admin = (await hub.post("/api/auth", { email: "boss@example.org", password: PASSWORD })).access_token;
    return hub;
  }

  async start() {
    // The hub refuses variables of its prefix that it does not know.
    const { PORTCULLIS_BINARY, ...env } = process.env;
    env.PORTCULLIS_HTTP__LISTEN = `127.0.0.1:${this.port}`;
    env.PORTCULLIS_LIMITS__ENABLED = "false";
    this.process = spawn(PORTCULLIS_BINARY, ["serve"], { cwd: this.folder, env, stdio: "pipe" });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      createInterface(stream).on("line", (line) => {
        this.log.push(line);
        this.setup ??= /\/setup\/(\S+)/.exec(line)?.[1];
      });
    }
    await until("the hub is ready", () => fetch(`${this.url}/readyz`).then(({ ok }) => ok, () => false));
    await until("the address of the first admin", () => this.setup);
  }

  async kill(signal = "SIGKILL") {
    const gone = once(this.process, "exit");
    this.process.kill(signal);
    await gone;
  }

  async close() {
    await this.kill();
    rmSync(this.folder, { recursive: true });
  }

  async post(path, body, method = "POST") {
    const headers = { "Content-Type": "application/json", ...(this.admin && { Authorization: `Bearer ${this.admin}` }) };
    const response = await fetch(this.url + path, { method, headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    const text = await response.text();
    return text && JSON.parse(text);
  }
}

/** A browser whose pages of `hub` are the test's, and run the client of `dist/`. */
export async function browse(hub) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  // A page that the test answers comes from no network, and would not be let into the local one.
  const args = ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"];
  const browser = await chromium.launch({ executablePath, args });
  const context = await browser.newContext();
  const seen = [];
  let sockets = 0;
  await context.route(`${hub.url}/e2e**`, (route) => route.fulfill({ contentType: "text/html", body: PAGE }));
  await context.route(`${hub.url}/client.js`, (route) => route.fulfill({ contentType: "text/javascript", body: CLIENT }));
  context.on("request", (request) => seen.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const tab = async (query = "") => {
    const page = await context.newPage();
    page.on("websocket", (socket) => {
      sockets += 1;
      socket.on("close", () => (sockets -= 1));
    });
    await page.goto(`${hub.url}/e2e${query}`);
    await page.waitForFunction(() => window.hub);
    return page;
  };
  return {
    browser,
    context,
    tab,
    sockets: () => sockets,
    asked: (what) => seen.filter((request) => request === what).length,
  };
}

export const signIn = (page) =>
  page.evaluate((password) => window.hub.signIn({ email: "ada@example.org", password }), PASSWORD);
export const snapshot = (page) => page.evaluate(() => window.hub.snapshot());
export const is = (page, status, connection) =>
  until(`${status} ${connection ?? ""}`, async () => {
    const now = await snapshot(page);
    return now.status === status && (!connection || now.connection.state === connection);
  });
