// The real hub: a process of the program that PORTCULLIS_BINARY names, or of the one that cargo has built here, with a
// folder and a port of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "./until.mjs";

export const PASSWORD = "seven swans at the lake";
export const BOSS = { email: "boss@example.org", password: PASSWORD };

/** What configures a hub of the developer's own must not configure these. */
const OURS = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(PORTCULLIS_|DATABASE_URL$|REDIS_URL$)/.test(name)),
);
const BUILT = fileURLToPath(new URL("../../target/debug/portcullis", import.meta.url));
const SETTINGS = {
  PORTCULLIS_METRICS__LISTEN: "",
  PORTCULLIS_LIMITS__ENABLED: "false",
  // As cheap as it may be: nobody attacks these passwords.
  PORTCULLIS_PASSWORDS__MEMORY_KIB: "1024",
  PORTCULLIS_PASSWORDS__ITERATIONS: "1",
};

const running = new Set();
process.on("exit", () => {
  for (const hub of running) hub.vanish();
});

export class Hub {
  folder = mkdtempSync(join(tmpdir(), "portcullis-e2e-"));
  /** Everything that it has said. */
  log = [];
  /** Where it listens. */
  address = "127.0.0.1:0";

  /** `settings`: variables of its environment. */
  static async open(settings = {}) {
    const hub = new Hub();
    hub.settings = settings;
    running.add(hub);
    await hub.start();
    return hub;
  }

  async start() {
    const env = { ...OURS, ...SETTINGS, PORTCULLIS_HTTP__LISTEN: this.address, ...this.settings };
    const before = this.log.length;
    this.process = spawn(process.env.PORTCULLIS_BINARY ?? BUILT, ["serve", "--migrate"], { cwd: this.folder, env, stdio: "pipe" });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      createInterface(stream).on("line", (line) => this.log.push(line));
    }
    // Whoever starts it again finds it where it was.
    this.address = await until("the hub says where it listens", () => this.#said(/listening on http:\/\/(\S+)/, before));
    this.url = env.PORTCULLIS_PUBLIC_URL ?? `http://${this.address}`;
    await until("the hub is ready", async () => (await fetch(`http://${this.address}/readyz`)).ok);
  }

  #said(words, from = 0) {
    return this.log.slice(from).map((line) => words.exec(line)?.[1]).find(Boolean);
  }

  /** The path of the page that makes the first admin. */
  setup() {
    return until("the address of the first admin", () => this.#said(/(\/setup\/\S+)/));
  }

  async kill(signal = "SIGKILL") {
    const gone = once(this.process, "exit");
    this.process.kill(signal);
    await gone;
  }

  vanish() {
    running.delete(this);
    this.process.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  async close() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
    this.vanish();
  }

  /** Sends JSON to `route`, such as `POST /api/auth`, and reads JSON; a refusal throws. */
  async call(route, body, token) {
    const [method, path] = route.split(" ");
    const headers = { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(`http://${this.address}${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${route}: ${response.status} ${text}`);
    return text && JSON.parse(text);
  }

  /** As a manager who may do everything; the first call makes one. */
  async manage(route, body) {
    this.token ??= (async () => {
      await this.call(`POST /api${await this.setup()}`, BOSS);
      return (await this.call("POST /api/auth", BOSS)).access_token;
    })();
    return this.call(route, body, await this.token);
  }

  /** Somebody with an active account: address, password and id. */
  async person(name = "ada", password = PASSWORD) {
    const person = { email: `${name}@example.org`, password };
    await this.call("POST /api/users", person);
    await this.call(`PATCH /api/auth/activate/${(await this.letter(person.email, "/activate/")).token}`);
    const { items } = await this.manage(`GET /api/users?q=${person.email}`);
    return { ...person, id: items[0].id };
  }

  /** The letters to `email`, the newest first. */
  async letters(email) {
    return (await this.call("GET /dev/mailbox.json")).items.filter(({ to }) => to === email);
  }

  /** The newest letter to `email` that has `words` in it. */
  letter(email, words) {
    return until(`a letter to ${email} with ${words}`, async () => {
      const letters = await this.letters(email);
      return letters.find(({ subject, text }) => `${subject}\n${text}`.includes(words));
    });
  }

  /** The live sessions of `person`, as a manager sees them. */
  async sessions({ id }) {
    return (await this.manage(`GET /api/users/${id}/sessions`)).items;
  }

  /** The open sockets of `person`. */
  async sockets(person) {
    return (await this.sessions(person)).flatMap(({ connections }) => connections);
  }

  /** What was done here so far, by the audit log: each line's id. */
  async deeds() {
    return (await this.manage("GET /api/audit?limit=200")).items.map(({ id, action, outcome }) => `${id} ${action} ${outcome}`);
  }
}
