// The demonstration on the home page of a development server, and the page that makes the first admin.

import assert from "node:assert/strict";
import { BOSS } from "../hub.mjs";
import { fillIn, part, press, sees } from "../people.mjs";

export default {
  async "two devices of one person, and a manager"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const page = await device.visit(await hub.setup());
    await fillIn(page, { "E-mail address": BOSS.email, Password: BOSS.password }, "Make the admin");
    await sees(page, "The admin is active.");

    await page.goto("/");
    const [laptop, phone] = ["laptop", "phone"].map((name) => page.locator(`[data-device=${name}]`));
    const roles = [laptop, phone].map((place) => place.locator("[data-role]"));
    await press(page, "Sign somebody up");
    await sees(page, "is signed in on both devices.");
    for (const role of roles) await sees(role, /^user/);

    const manager = page.locator("[data-manager]");
    await fillIn(manager, { "E-mail address": BOSS.email, Password: "not this one" }, "Sign in as a manager");
    await sees(manager, "The address or the password is wrong.");
    await fillIn(manager, { Password: BOSS.password }, "Sign in as a manager");
    await manager.getByLabel("New role").selectOption("moderator");
    await press(manager, "Give this role");
    await sees(manager, "has the role moderator now.");
    for (const role of roles) await sees(role, /^moderator, .*users:read/);

    // With the network pulled, the phone hears of nothing, until it is back.
    await press(phone, "Pull the network");
    await sees(phone.locator("[data-socket]"), "waiting to try again");
    await manager.getByLabel("New role").selectOption("user");
    await press(manager, "Give this role");
    await sees(roles[0], /^user$/);
    assert.match(await roles[1].textContent(), /^moderator/);
    await press(phone, "Pull the network");
    await sees(roles[1], /^user$/);

    await press(phone, "Sign out");
    await sees(phone, "nobody signed in");
    assert.match(await laptop.locator("[data-status]").textContent(), /^demo-/);
    await press(phone, "Sign in");
    await sees(phone.locator("[data-status]"), /^demo-/);
    await sees(phone.locator("[data-socket]"), "open");
    await press(laptop, "Sign out everywhere");
    for (const place of [laptop, phone]) await sees(place, "nobody signed in");
    await sees(phone.locator("[data-frames]"), "signed_out");

    await press(manager, "Sign out");
    await sees(manager, "Only a manager may.");
    await press(page, "Sign somebody up");
    await sees(page, "is signed in on both devices.");
  },

  async "what it shows can be copied"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub, { permissions: ["clipboard-read", "clipboard-write"] });
    const page = await device.visit("/");
    await press(page, "Sign somebody up");
    await sees(page, "is signed in on both devices.");
    await press(part(page, "The same on a page of yours"), "Copy");
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /createClient\(\{ url: "http:\/\/127\.0\.0\.1:\d+" \}\)/);
    assert.match(copied, /demo-\w+@example\.org/);
  },

  async "the API documentation shows every route, from this server alone"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const page = await device.visit("/api/docs");
    await page.getByText("/api/auth/refresh").first().waitFor();
    await page.getByText("/api/revocations").first().waitFor();
    const hosts = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => new URL(name).origin));
    assert.deepEqual([...new Set(hosts)].filter((origin) => origin !== hub.url && origin !== "null"), []);
  },
};
