// A session lives through a reload, and ends for good.

import assert from "node:assert/strict";
import { is, reload, snapshot, told } from "../browser.mjs";
import { until } from "../until.mjs";

/** For how long a token that is presented again may be one whose answer was lost. */
const GRACE_MS = 1_000;

export default {
  async "a reload finds the session"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const page = await device.signedIn(await hub.person());
    const { sessionId } = await snapshot(page);
    await reload(page);
    await is(page, "signedIn", "open");
    assert.equal((await snapshot(page)).sessionId, sessionId);
  },

  async "a role change is seen in open pages without a reload"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const person = await hub.person();
    const page = await device.signedIn(person);
    const account = await device.visit("/account");
    await account.getByText("Role: user").waitFor();
    for (const open of [page, account]) await open.evaluate(() => (window.isTheSame = true));
    await hub.manage(`PUT /api/users/${person.id}/site_role`, { role: "moderator" });
    await account.getByText("Role: moderator").waitFor();
    await until("the new role", async () => (await snapshot(page)).state?.role === "moderator");
    assert.ok((await snapshot(page)).state.permissions.includes("users:read"));
    for (const open of [page, account]) assert.ok(await open.evaluate(() => window.isTheSame));
  },

  async "a manager signs somebody out, and the page says why"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const person = await hub.person();
    const page = await device.signedIn(person);
    const account = await device.visit("/account");
    await account.getByRole("button", { name: "Save" }).waitFor();
    const message = "The office is closed.";
    await hub.manage("POST /api/revocations", { user_id: person.id, reason: "closing time", message });
    await account.getByText(message).waitFor();
    await is(page, "signedOut");
    assert.deepEqual((await told(page, "signedOut")).event, { reason: "revoked", message });
    await account.reload();
    await account.getByText("Somebody who manages this site has signed you out.").waitFor();
  },

  async "a stolen old refresh token ends the session in every tab, and the owner is mailed"({ openHub, openDevice }) {
    const hub = await openHub({ PORTCULLIS_TOKENS__REFRESH_GRACE: `${GRACE_MS / 1_000}` });
    const device = await openDevice(hub);
    const person = await hub.person();
    const page = await device.signedIn(person);
    const stolen = await device.refreshToken();
    const successors = new Set();
    while (successors.size < 2) {
      await reload(page);
      await is(page, "signedIn", "open");
      successors.add(await device.refreshToken());
    }
    assert.ok(!successors.has(stolen));
    const used = Date.now();
    const [second, account] = [await device.tab(), await device.visit("/account")];
    await is(second, "signedIn", "open");
    await account.getByText("connected").waitFor();

    await until("nobody takes it for a lost answer any more", () => Date.now() - used > GRACE_MS);
    const thief = hub.call("POST /api/auth/refresh", { refresh_token: stolen });
    await assert.rejects(thief, /401 .*refresh_reused/);
    for (const tab of [page, second]) {
      await is(tab, "signedOut");
      assert.equal((await told(tab, "signedOut")).event.reason, "refresh_reused");
    }
    await account.getByText("Somebody else may have a copy of your session").waitFor();
    assert.equal((await hub.sessions(person)).length, 0);
    await hub.letter(person.email, "session");
    await reload(page);
    await is(page, "signedOut");
  },

  async "signed out while offline stays signed out, and the hub hears of it"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const person = await hub.person();
    const page = await device.signedIn(person);
    await device.context.setOffline(true);
    await page.evaluate(() => window.hub.signOut());
    await is(page, "signedOut");
    assert.equal((await hub.sessions(person)).length, 1, "the hub cannot know yet");
    await page.close();

    await device.context.setOffline(false);
    const next = await device.tab();
    await is(next, "signedOut");
    await until("the hub ended the session", async () => (await hub.sessions(person)).length === 0);
    await reload(next);
    await is(next, "signedOut");
    const account = await device.visit("/account");
    await account.waitForURL(/sign-in/);
    assert.equal(await told(next, "signedIn"), undefined);
  },
};
