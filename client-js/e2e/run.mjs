// PORTCULLIS_BINARY=… node e2e/run.mjs [WORD…]     runs the scenarios whose names have one of the words.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { browse, Hub, is, signIn, snapshot, until } from "./harness.mjs";

const SIGNED_IN = ["signedIn", "open"];

const scenarios = {
  async "two tabs and one refresh"({ tab, asked }) {
    const first = await tab();
    await signIn(first);
    await is(first, ...SIGNED_IN);
    const before = asked("POST /api/auth/refresh");
    const second = await tab();
    await is(second, ...SIGNED_IN);
    assert.equal(asked("POST /api/auth/refresh"), before);
    const tokens = await Promise.all([first, second].map((page) => page.evaluate(() => window.hub.accessToken())));
    assert.equal(tokens[0], tokens[1]);
  },

  async "a reload finds the session"({ tab }) {
    const page = await tab();
    await signIn(page);
    await is(page, ...SIGNED_IN);
    await page.reload();
    await page.waitForFunction(() => window.hub);
    await is(page, ...SIGNED_IN);
  },

  async "signed out everywhere within a second"({ tab }) {
    const pages = [await tab(), await tab(), await tab()];
    await signIn(pages[0]);
    for (const page of pages) await is(page, ...SIGNED_IN);
    const begun = Date.now();
    await pages[1].evaluate(() => window.hub.signOut());
    for (const page of pages) await is(page, "signedOut");
    assert.ok(Date.now() - begun < 1_000);
  },

  async "a role change is seen without a reload"({ tab }, hub) {
    const page = await tab();
    const { id } = await signIn(page);
    await is(page, ...SIGNED_IN);
    await hub.post(`/api/users/${id}/site_role`, { role: "moderator" }, "PUT");
    await until("the new role", async () => (await snapshot(page)).state?.role === "moderator", 1_000);
    assert.ok((await snapshot(page)).state.permissions.includes("users:read"));
  },

  async "the hub is killed and comes back"({ tab }, hub) {
    const page = await tab();
    await signIn(page);
    await is(page, ...SIGNED_IN);
    await hub.kill();
    await until("the loss is noticed", async () => (await snapshot(page)).connection.state !== "open");
    await hub.start();
    await is(page, ...SIGNED_IN);
  },

  async "signed out while offline stays signed out after a reload"({ tab, context }) {
    const page = await tab();
    await signIn(page);
    await is(page, ...SIGNED_IN);
    await context.setOffline(true);
    await page.evaluate(() => window.hub.signOut());
    await context.setOffline(false);
    const next = await tab();
    await is(next, "signedOut");
  },

  async "twenty tabs have one socket, also when the leader is closed"({ tab, sockets }) {
    const pages = [await tab("?tabs=share")];
    await signIn(pages[0]);
    await is(pages[0], ...SIGNED_IN);
    while (pages.length < 20) pages.push(await tab("?tabs=share"));
    for (const page of pages) await is(page, ...SIGNED_IN);
    assert.equal(sockets(), 1);
    await pages[0].close();
    await until("another tab leads", () => sockets() === 1);
    await is(pages.at(-1), ...SIGNED_IN);
  },

  async "t24: a foreign page changes nothing"({ tab, context }, hub) {
    const page = await tab();
    await signIn(page);
    await is(page, ...SIGNED_IN);
    const evil = createServer((_request, response) => response.setHeader("Content-Type", "text/html").end("<p>evil"));
    await new Promise((resume) => evil.listen(0, "127.0.0.1", resume));
    try {
      const foreign = await context.newPage();
      await foreign.goto(`http://127.0.0.1:${evil.address().port}/`);
      await foreign.evaluate(async (url) => {
        for (const path of ["/api/auth/logout", "/api/auth/refresh", "/api/auth", "/api/auth/oauth/exchange"]) {
          const body = JSON.stringify({ scope: "all" });
          navigator.sendBeacon(url + path, body);
          const ways = [{ mode: "no-cors", headers: { "Content-Type": "text/plain" } }, { headers: { "X-Portcullis-Mode": "cookie", "Content-Type": "application/json" } }];
          for (const way of ways) await fetch(url + path, { method: "POST", credentials: "include", body, ...way }).catch(() => {});
          const form = Object.assign(document.createElement("form"), { method: "post", action: url + path, target: "_blank", enctype: "text/plain" });
          form.append(Object.assign(document.createElement("input"), { name: '{"scope":"all","x":"', value: '"}' }));
          document.body.append(form);
          form.submit();
        }
        await new Promise((resume) => setTimeout(resume, 500));
      }, hub.url);
      await is(page, ...SIGNED_IN);
      assert.equal((await page.evaluate(() => window.hub.sessions())).length, 1);
      await page.reload();
      await page.waitForFunction(() => window.hub);
      await is(page, ...SIGNED_IN);
    } finally {
      evil.closeAllConnections();
      evil.close();
    }
  },
};

const words = process.argv.slice(2);
let failures = 0;
for (const [name, run] of Object.entries(scenarios)) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
  const hub = await Hub.open();
  const view = await browse(hub);
  try {
    await run(view, hub);
    console.log(`ok      ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`not ok  ${name}\n${error.stack}\n${hub.log.slice(-5).join("\n")}`);
  } finally {
    await view.browser.close();
    await hub.close();
  }
}
process.exit(failures > 0 ? 1 : 0);
