// The pages of signing up, in, and of a password forgotten.

import assert from "node:assert/strict";
import { PASSWORD } from "../hub.mjs";
import { atAccount, fillIn, linkTo, press, sees, signIn } from "../people.mjs";
import { until } from "../until.mjs";

const ADA = { email: "ada@example.org", password: PASSWORD };
const OTHER = "eight geese at the lake";

export default {
  async "from signing up to signing out"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const page = await device.visit("/");
    await page.getByRole("link", { name: "sign up", exact: true }).click();
    await press(page, "Sign up");
    await sees(page, "Fill this in.");
    await fillIn(page, { "E-mail address": ADA.email, "Name (may be left empty)": "Ada", Password: "password1234" }, "Sign up");
    await page.locator("#password-fault").filter({ visible: true }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "password");
    await fillIn(page, { Password: ADA.password }, "Sign up");
    await sees(page, "We have written to ada@example.org");

    // Not before the letter is followed.
    await page.goto("/sign-in");
    await signIn(page, ADA);
    await sees(page, "This account is not active yet");
    await press(page, "Mail me the activation link again");
    await sees(page, "A letter is on its way");
    await until("the other letter, whose link is the one that works", async () => (await hub.letters(ADA.email)).length === 2);

    await page.goto("/dev/mailbox");
    await page.getByRole("link", { name: /\/activate\// }).first().click();
    await press(page, "Activate my account");
    await sees(page, "Your account is active.");
    await page.getByRole("link", { name: "Sign in" }).click();
    await signIn(page, { ...ADA, password: OTHER });
    await sees(page, "The address or the password is wrong.");
    await signIn(page, ADA);
    await page.waitForURL("**/account");
    await sees(page, "Ada · ada@example.org");

    await press(page, "Sign out");
    await sees(page, "You are signed out");
    await page.goto("/account");
    await page.waitForURL("**/sign-in");
  },

  async "a link works once"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    await hub.call("POST /api/users", ADA);
    const link = await linkTo(hub, ADA.email, "/activate/");
    const page = await device.visit(link);
    await page.reload();
    await press(page, "Activate my account");
    await sees(page, "Your account is active.");
    await page.goto(link);
    await press(page, "Activate my account");
    await sees(page, "This link has been used, has expired, or is not whole.");
  },

  async "a password that is forgotten: another one, and every device is signed out"({ openHub, openDevice }) {
    const hub = await openHub();
    const ada = await hub.person();
    const [laptop, phone] = [await openDevice(hub), await openDevice(hub)];
    const account = await atAccount(laptop, ada);

    const page = await phone.visit("/sign-in");
    await page.getByRole("link", { name: "Forgotten the password?" }).click();
    await fillIn(page, { "E-mail address": ada.email }, "Mail me a link");
    await sees(page, "If there is an account with this address");
    await page.goto(await linkTo(hub, ada.email, "/recovery/"));
    await fillIn(page, { "New password": "short" }, "Set the new password");
    await page.locator("#password-fault").filter({ visible: true }).waitFor();
    await fillIn(page, { "New password": OTHER }, "Set the new password");
    await sees(page, "Your new password is set.");
    await sees(account, "The password was changed.");

    await page.getByRole("link", { name: "Sign in with it" }).click();
    await signIn(page, ada);
    await sees(page, "The address or the password is wrong.");
    await signIn(page, { ...ada, password: OTHER });
    await page.waitForURL("**/account");
  },

  async "return_to leads on within this site alone"({ openHub, openDevice }) {
    const hub = await openHub();
    const ada = await hub.person();
    const device = await openDevice(hub);
    const wanted = "/problems/forbidden?from=sign-in";
    const page = await device.visit(`/sign-up?return_to=${encodeURIComponent(wanted)}`);
    await page.getByRole("link", { name: "Sign in" }).click();
    await signIn(page, ada);
    await page.waitForURL(`**${wanted}`);

    // Whoever is signed in already is asked, and led to the same place.
    await page.goto(`/sign-in?return_to=${encodeURIComponent(wanted)}`);
    await sees(page, "You are signed in as ada@example.org");
    await page.getByRole("link", { name: "Go on" }).click();
    await page.waitForURL(`**${wanted}`);

    await page.goto("/sign-in");
    await press(page, "Sign out");
    for (const evil of ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/%2f/evil.example"]) {
      const other = await device.visit(`/sign-in?return_to=${encodeURIComponent(evil)}`);
      await signIn(other, ada);
      await other.waitForURL(`${hub.url}/account`);
      await press(other, "Sign out");
      await sees(other, "You are signed out");
      await other.close();
    }
  },

  async "by another name of the machine the page says where it works"({ openHub, openDevice }) {
    const hub = await openHub();
    const device = await openDevice(hub);
    const elsewhere = hub.url.replace("127.0.0.1", "localhost");
    const page = await device.visit(`${elsewhere}/sign-in?return_to=/account`);
    await sees(page, "This page works at the hub's public address alone:");
    await page.getByRole("link", { name: hub.url }).click();
    await page.waitForURL(`${hub.url}/sign-in?return_to=/account`);
  },

  async "the pages speak Russian"({ openHub, openDevice }) {
    const hub = await openHub();
    const asked = await openDevice(hub, { locale: "ru-RU" });
    const page = await asked.visit("/sign-in");
    assert.equal(await page.getAttribute("html", "lang"), "ru");
    await page.locator("form button[type=submit]").click();
    await sees(page, "Заполните это поле.");

    // By a button as well, for all pages from then on.
    const chosen = await openDevice(hub);
    const home = await chosen.visit("/");
    assert.equal(await home.getAttribute("html", "lang"), "en");
    await home.locator("[data-language=ru]").click();
    await home.locator("html[lang=ru]").waitFor();
    await home.goto("/forgot");
    assert.equal(await home.getAttribute("html", "lang"), "ru");
    await fillIn(home, { "Электронная почта": ADA.email });
    await home.locator("[data-language=en]").click();
    await home.locator("html[lang=en]").waitFor();
  },
};
