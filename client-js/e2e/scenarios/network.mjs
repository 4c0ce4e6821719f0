// What the network and the hub do to an open page.

import assert from "node:assert/strict";
import { is, snapshot, told } from "../browser.mjs";
import { Line } from "../line.mjs";
import { sees } from "../people.mjs";
import { until } from "../until.mjs";

const DARK_MS = 60_000;

/** Takes a minute, so it begins before the others. */
export const begins = true;

export default {
  /** One device is told by its browser that there is no network; the others have to find out. */
  async "the network is away for a minute"({ openHub, openDevice, use }) {
    const line = use(await Line.lay());
    const hub = await openHub({ PORTCULLIS_PUBLIC_URL: line.url });
    line.to = hub.address;
    const [ada, bob] = [await hub.person("ada"), await hub.person("bob")];
    const devices = [await openDevice(hub), await openDevice(hub), await openDevice(hub)];
    const [informed, unaware, others] = await Promise.all(
      devices.map((device, at) => device.signedIn(at === 2 ? bob : ada)),
    );
    const before = await Promise.all([informed, unaware].map(snapshot));

    line.goDark();
    await devices[0].context.setOffline(true);
    const since = Date.now();
    await hub.manage(`PUT /api/users/${ada.id}/site_role`, { role: "moderator" });
    await hub.manage("POST /api/revocations", { user_id: bob.id, reason: "while nobody can hear it" });
    await until("the silence is noticed", async () => (await snapshot(unaware)).connection.state !== "open", DARK_MS);
    await until("a minute is over", () => Date.now() - since >= DARK_MS, DARK_MS);
    for (const page of [informed, unaware, others]) assert.equal((await snapshot(page)).status, "signedIn");

    await devices[0].context.setOffline(false);
    line.comeBack();
    for (const [at, page] of [informed, unaware].entries()) {
      await is(page, "signedIn", "open", 45_000);
      await until("the role that was given meanwhile", async () => (await snapshot(page)).state?.role === "moderator");
      assert.equal((await snapshot(page)).sessionId, before[at].sessionId);
      assert.equal(await told(page, "signedOut"), undefined);
    }
    await is(others, "signedOut", undefined, 45_000);
    assert.equal((await told(others, "signedOut")).event.reason, "revoked");
  },

  async "the hub is killed and comes back"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const page = await device.signedIn(await hub.person());
    const account = await device.visit("/account");
    await account.getByText("connected").waitFor();
    const { sessionId } = await snapshot(page);
    await hub.kill();
    await until("the loss is noticed", async () => (await snapshot(page)).connection.state !== "open");
    // Where a list was being fetched, that place says it as well.
    await sees(account, "The server cannot be reached");
    assert.equal((await snapshot(page)).status, "signedIn");
    await hub.start();
    await is(page, "signedIn", "open");
    const said = account.getByText("The server cannot be reached").filter({ visible: true });
    await until("nothing of that is said any more", async () => (await said.count()) === 0);
    assert.equal((await snapshot(page)).sessionId, sessionId);
  },

  async "the hub says goodbye, and comes back"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const page = await device.signedIn(await hub.person());
    await hub.kill("SIGTERM");
    await until("the loss is noticed", async () => (await snapshot(page)).connection.state !== "open");
    await hub.start();
    await is(page, "signedIn", "open");
    assert.equal(await told(page, "signedOut"), undefined);
  },
};
