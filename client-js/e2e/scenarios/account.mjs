// The account page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { atAccount, fillIn, linkTo, part, press, sees, signIn } from "../people.mjs";

const OTHER = "eight geese at the lake";

export default {
  async "a new name is shown in every tab that is opened"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const ada = await hub.person();
    const page = await atAccount(device, ada);
    await fillIn(part(page, "Profile"), { "Name (may be left empty)": "Ada L" }, "Save");
    await sees(page, "Saved.");
    await sees(page, "Ada L · ada@example.org");
    const other = await device.visit("/account");
    await sees(other, "Ada L · ada@example.org");
  },

  async "another device appears in the list, and is signed out from there"({ openHub, openDevice }) {
    const hub = await openHub();
    const ada = await hub.person();
    const page = await atAccount(await openDevice(hub), ada);
    const sessions = part(page, "Where you are signed in");
    const rows = sessions.getByRole("listitem");
    assert.equal(await rows.count(), 1);
    const phone = await atAccount(await openDevice(hub), ada);
    await rows.nth(1).waitFor();
    await sessions.getByRole("button", { name: /^Sign out: / }).filter({ visible: true }).click();
    await sees(phone, "This device was signed out.");
    await sees(sessions, "That device is signed out.");
    assert.equal(await rows.count(), 1);
    assert.equal((await hub.sessions(ada)).length, 1);

    // All others, then all.
    await phone.goto("/sign-in");
    await signIn(phone, ada);
    await sees(phone, "this device");
    await rows.nth(1).waitFor();
    await press(sessions, "Sign all other devices out");
    await sees(phone, "You are signed out");
    await sees(sessions, "All other devices are signed out.");
    await press(sessions, "Sign out everywhere");
    await sees(page, "You are signed out");
    assert.equal((await hub.sessions(ada)).length, 0);
  },

  async "another password signs the other devices out"({ openHub, openDevice }) {
    const hub = await openHub();
    const ada = await hub.person();
    const page = await atAccount(await openDevice(hub), ada);
    const phone = await atAccount(await openDevice(hub), ada);
    const form = part(page, "Password");
    await fillIn(form, { "Present password": "not this one", "New password": OTHER }, "Change the password");
    await sees(form, "The present password is wrong.");
    await fillIn(form, { "Present password": ada.password }, "Change the password");
    await sees(form, "Your password is changed, and all other devices are signed out.");
    await sees(phone, "The password was changed.");
    await phone.goto("/sign-in");
    await signIn(phone, { ...ada, password: OTHER });
    await sees(phone, "this device");
  },

  async "another address, and the old one takes it back"({ openHub, openDevice }) {
    const hub = await openHub();
    const ada = await hub.person();
    const device = await openDevice(hub);
    const page = await atAccount(device, ada);
    const form = part(page, "E-mail address");
    await fillIn(form, { "New e-mail address": "lovelace@example.org", "Present password": ada.password }, "Change the address");
    await sees(form, "Look into the mail of the new address");
    const letter = await device.visit(await linkTo(hub, "lovelace@example.org", "/email/"));
    await press(letter, "Confirm the address");
    await sees(letter, "This is the address of your account now.");
    await sees(page, "lovelace@example.org");

    const undo = await (await openDevice(hub)).visit(await linkTo(hub, ada.email, "/email-undo/"));
    await press(undo, "It was not me");
    await sees(undo, "Your account has its old address");
    await sees(page, "You are signed out");
    assert.equal((await hub.manage(`GET /api/users/${ada.id}`)).email, ada.email);
  },

  async "the letter about a new device signs it out"({ openHub, openDevice }) {
    const hub = await openHub();
    const ada = await hub.person();
    await atAccount(await openDevice(hub), ada);
    const another = { userAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0" };
    const thief = await atAccount(await openDevice(hub, another), ada);
    const link = await linkTo(hub, ada.email, "/device/");
    const page = await (await openDevice(hub)).visit(link);
    await press(page, "It was not me");
    await sees(page, "The device is signed out.");
    await sees(thief, "You are signed out");
  },

  async "everything that is stored can be taken along, and deleted"({ openHub, openDevice }) {
    const hub = await openHub();
    const ada = await hub.person();
    const page = await atAccount(await openDevice(hub), ada);
    const [download] = await Promise.all([page.waitForEvent("download"), press(page, "Download it")]);
    assert.equal(JSON.parse(readFileSync(await download.path(), "utf8")).user.email, ada.email);
    await page.getByText("Delete the account").click();
    const form = page.locator("[data-form=delete]");
    await fillIn(form, { "Present password": "not this one" }, "Delete my account for good");
    await sees(form, "The present password is wrong.");
    await fillIn(form, { "Present password": ada.password }, "Delete my account for good");
    await sees(page, "The account is deleted.");
    await page.goto("/sign-in");
    await signIn(page, ada);
    await sees(page, "The address or the password is wrong.");
  },
};
