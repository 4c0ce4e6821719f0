// Each client: pages in a browser and a program on Node, with the real hub.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { launch } from "../../client-js/e2e/browser.mjs";
import { pageServer, program } from "../bundle.mjs";
import { at, close, endPrograms, listen, openHub, PASSWORD, run, until } from "./support.mjs";

const PAGES = ["plain-page", "react", "vue"];

let hub, browser;
const servers = {};
const origins = {};
const contexts = [];

before(async () => {
  for (const name of [...PAGES, "five-minutes"]) {
    servers[name] = await pageServer(name, () => hub.url);
    origins[name] = await listen(servers[name]);
  }
  hub = await openHub({ PORTCULLIS_HTTP__ALLOWED_ORIGINS: Object.values(origins).join() });
  browser = await launch();
});

afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
});

after(async () => {
  await endPrograms();
  await browser?.close();
  await hub?.close();
  Object.values(servers).forEach(close);
});

/** A tab of a browser that was never here; what goes wrong in it is in `faults`. */
async function newTab() {
  const context = await browser.newContext();
  contexts.push(context);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    // The browser notes each refusal, and some are asked for.
    if (message.type() === "error" && !/status of 401/.test(message.text())) faults.push(message.text());
  });
  return { page, faults };
}

const shows = (page, text) => page.getByText(text, { exact: true }).waitFor({ timeout: 30_000 });

async function signIn(page, password) {
  await page.getByLabel("E-mail").fill("ada@example.org");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

for (const name of PAGES) {
  describe(name, () => {
    test("signs in, follows the hub, finds the session again, signs out", async () => {
      await hub.giveRole("user");
      const { page, faults } = await newTab();
      await page.goto(origins[name]);
      await shows(page, "Please sign in.");
      await signIn(page, "not the password of Ada");
      await shows(page, "Wrong address or password.");
      await signIn(page, PASSWORD);
      await shows(page, "ada@example.org: user");
      const edit = page.getByRole("button", { name: "Edit orders" });
      if (name !== "plain-page") assert.equal(await edit.count(), 0);
      await hub.giveRole("editor"); // and the page is told
      await shows(page, "ada@example.org: editor");
      if (name !== "plain-page") await edit.waitFor();
      await page.reload();
      await shows(page, "ada@example.org: editor");
      await page.getByRole("button", { name: "Sign out" }).click();
      await shows(page, "Please sign in.");
      await page.reload();
      await shows(page, "Please sign in.");
      assert.equal(await page.getByText("ada@example.org").count(), 0);
      assert.deepEqual(faults, []);
    });

    test("a session that is revoked leaves the page", async () => {
      const { page } = await newTab();
      await page.goto(origins[name]);
      await shows(page, "Please sign in.");
      await signIn(page, PASSWORD);
      await page.getByText(/^ada@example\.org: /).waitFor();
      const { user } = await hub.signIn();
      await hub.manage("POST /api/revocations", { user_id: user.id, reason: "a test", message: "Your access has ended." });
      await shows(page, "Your access has ended.");
    });
  });
}

test("the five minutes", async () => {
  await hub.giveRole("editor");
  const asked = [];
  servers["five-minutes"].on("request", ({ url, headers }) => asked.push([url, headers.authorization]));
  const { page } = await newTab();
  await page.addInitScript((password) => {
    const told = [];
    const tell = (name) => (...words) => told.push([name, ...words]);
    const functions = { show: tell("show"), showSignIn: tell("showSignIn"), showMenu: tell("showMenu") };
    Object.assign(globalThis, functions, { told, email: "ada@example.org", password });
  }, PASSWORD);
  await page.goto(origins["five-minutes"]);
  await page.waitForFunction(() => globalThis.told.some(([name, reason]) => name === "showSignIn" && reason === "logout"));
  const told = await page.evaluate(() => globalThis.told);
  assert.equal(told.find(([name]) => name === "show")[1].email, "ada@example.org");
  const token = asked.find(([url]) => url === "/api/orders")[1];
  assert.match(token, /^Bearer ey/);
});

test("the script of a page without modules", async () => {
  const { page } = await newTab();
  await page.goto(origins["plain-page"]);
  await page.addScriptTag({ url: `${hub.url}/client.global.js` });
  assert.equal(await page.evaluate(() => typeof globalThis.Portcullis.createClient), "function");
});

test("what the README pastes into the console of the hub's home page", async () => {
  await hub.giveRole("user");
  const readme = readFileSync(at("../README.md"), "utf8");
  const [, pasted] = /### The same from a page\n[^]*?```js\n([^]*?)```/.exec(readme);
  const { page } = await newTab();
  const lines = [];
  page.on("console", (message) => lines.push(message.text()));
  await page.goto(hub.url);
  await page.evaluate(`(async () => {${pasted.replaceAll("a long walk by the river", PASSWORD)}})()`);
  await until("the socket is ready", () => lines.some((line) => line.startsWith("ready")));
  await hub.giveRole("editor");
  await until("the new role", () => lines.some((line) => line.startsWith("state")));
  const { user } = await hub.signIn();
  await hub.manage("POST /api/revocations", { user_id: user.id, reason: "a test" });
  await until("the end", () => lines.includes("closed 4001 session revoked"));
});

test("a program on Node", async () => {
  await hub.giveRole("user");
  const env = { HUB_URL: hub.url, EMAIL: "ada@example.org", PASSWORD };
  const watch = run(process.execPath, [await program("watch")], env);
  try {
    await until("the first role", () => watch.text().includes("role: user\n"));
    await hub.giveRole("editor");
    await until("the next role", () => watch.text().includes("role: editor\n"));
    const { user } = await hub.signIn();
    await hub.manage("POST /api/revocations", { user_id: user.id, reason: "a test" });
    assert.deepEqual(await watch.exit, [0, null]);
    assert.equal(watch.text(), "role: user\nrole: editor\nsigned out: revoked\n");
  } catch (error) {
    error.message += `\n${watch.text()}`;
    throw error;
  }
});
