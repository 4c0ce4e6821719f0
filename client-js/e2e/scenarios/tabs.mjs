// Several tabs of one browser are one session.

import assert from "node:assert/strict";
import { is, reload, snapshot, told } from "../browser.mjs";
import { until } from "../until.mjs";

const REFRESH = "POST /api/auth/refresh";

export default {
  async "two tabs and one refresh"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const first = await device.signedIn(await hub.person());
    await reload(first);
    await is(first, "signedIn", "open");
    const before = device.times(REFRESH);
    // It waits a moment for other tabs to tell it: on a slow machine that moment must not be over before they have.
    const second = await device.tab("each", true);
    await is(second, "signedIn");
    await second.clock.resume();
    await is(second, "signedIn", "open");
    assert.equal(device.times(REFRESH), before, "the second tab spends no refresh token");
    const tokens = await Promise.all([first, second].map((page) => page.evaluate(() => window.hub.accessToken())));
    assert.equal(tokens[0], tokens[1]);
  },

  async "six tabs that are opened at once find one session"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const person = await hub.person();
    let pages = [await device.signedIn(person)];
    const { sessionId } = await snapshot(pages[0]);
    for (let round = 0; round < 2; round += 1) {
      // As when a browser starts again: no tab is left that could tell the others.
      await Promise.all(pages.map((page) => page.close()));
      pages = await Promise.all(Array.from({ length: 6 }, () => device.tab()));
      for (const page of pages) await is(page, "signedIn", "open");
    }
    for (const page of pages) assert.equal((await snapshot(page)).sessionId, sessionId);
    assert.equal((await hub.sessions(person)).length, 1);
  },

  async "signed out everywhere in less than a second"({ openHub, openDevice }) {
    const hub = await openHub();
    const person = await hub.person();
    const [laptop, phone] = [await openDevice(hub), await openDevice(hub)];
    const pages = [await laptop.signedIn(person), await laptop.tab(), await laptop.tab(), await phone.signedIn(person)];
    for (const page of pages) await is(page, "signedIn", "open");
    const begun = await pages[1].evaluate(() => {
      const now = Date.now();
      window.hub.signOut({ scope: "all" });
      return now;
    });
    for (const page of pages) {
      await is(page, "signedOut");
      const { at, event } = await told(page, "signedOut");
      assert.ok(at - begun < 1_000, `a tab was told after ${at - begun} ms`);
      assert.equal(event.reason, "logout");
    }
    await until("no session is left", async () => (await hub.sessions(person)).length === 0);
  },

  async "twenty tabs have one socket, also when the one that holds it is closed"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const person = await hub.person();
    const pages = [await device.signedIn(person, "share")];
    while (pages.length < 20) pages.push(await device.tab("share"));
    for (const page of pages) await is(page, "signedIn", "open");
    const [{ id }, ...more] = await hub.sockets(person);
    assert.deepEqual(more, []);

    await pages.shift().close();
    await until("another tab holds the socket", async () => (await hub.sockets(person)).some((one) => one.id !== id));
    for (const page of pages) await is(page, "signedIn", "open");
    await hub.manage(`PUT /api/users/${person.id}/site_role`, { role: "moderator" });
    for (const page of pages) await until("the new role", async () => (await snapshot(page)).state?.role === "moderator");
    assert.equal((await hub.sockets(person)).length, 1);
  },
};
