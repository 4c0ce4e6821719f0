// Signing in with a certified provider, and linking one's account there, from the hub's own pages and from a page of a
// site's own: what people see, and that the socket opens. That each kind of signature and of client authentication is
// taken, and that nothing wrong is, needs no browser: tests/it/oauth.

import assert from "node:assert/strict";
import { Elsewhere } from "../elsewhere.mjs";
import { atAccount, part, press, sees, signIn } from "../people.mjs";
import { ADA, agreeThere, GRACE, HEDY, nameThere, openHubWithProvider } from "../provider.mjs";
import { until } from "../until.mjs";

const CONTINUE = "Continue with Acme";
const LINK = "Link Acme";
const WANTED = "/problems/forbidden?from=afar";
const wanting = (path) => `${path}?return_to=${encodeURIComponent(WANTED)}`;
const ways = (page) => part(page, "Ways to sign in");
const accountsOf = async (hub, { email }) => (await hub.manage(`GET /api/users?q=${email}`)).items;

/** Resolves when the hub has said `ready` on a socket that this page opens from now on. */
async function socketIsOpen(page) {
  const socket = await page.waitForEvent("websocket");
  await socket.waitForEvent("framereceived", { predicate: ({ payload }) => payload.includes('"type":"ready"') });
}

export default {
  async "one signs in there, agrees, and is back with an open socket, and so after a reload"(stage) {
    const hub = await openHubWithProvider(stage);
    const page = await (await stage.openDevice(hub)).visit("/sign-in");
    await press(page, CONTINUE);
    await agreeThere(page, ADA);
    await page.waitForURL(`${hub.url}/account`);
    await sees(page, "Ada Lovelace · ada@example.org");
    const [ada] = await accountsOf(hub, ADA);
    await until("the socket", async () => (await hub.sockets(ada)).length > 0);
    await Promise.all([socketIsOpen(page), page.reload()]);
    await sees(page, "Ada Lovelace · ada@example.org");
  },

  async "from both pages one gets in, and where one wanted to go"(stage) {
    const hub = await openHubWithProvider(stage);
    for (const path of ["/sign-in", "/sign-up"]) {
      const device = await stage.openDevice(hub);
      const page = await device.visit(wanting(path));
      await press(page, CONTINUE);
      await agreeThere(page, ADA);
      await page.waitForURL(`${hub.url}${WANTED}`);
      await page.goto("/account");
      await sees(page, "Ada Lovelace · ada@example.org");
      assert.equal(device.times("POST /api/auth/oauth/exchange"), 1);
      const kept = (await device.context.cookies(hub.url)).map(({ name }) => name);
      assert.deepEqual(kept.filter((name) => name.includes("oauth")), [], "no cookie of the flow stays");
    }
    assert.equal((await accountsOf(hub, ADA)).length, 1, "both times it was the same account");
  },

  async "who does not agree reads so, and still gets where they wanted to go"(stage) {
    const hub = await openHubWithProvider(stage);
    const person = await hub.person("katherine");
    const page = await (await stage.openDevice(hub)).visit(wanting("/sign-in"));
    await press(page, CONTINUE);
    await agreeThere(page, ADA, "Deny");
    await sees(page, "You have not agreed there.");
    assert.equal(page.url(), `${hub.url}/sign-in`, "what came back is off the address");
    assert.equal((await accountsOf(hub, ADA)).length, 0);
    await signIn(page, person);
    await page.waitForURL(`${hub.url}${WANTED}`);
  },

  async "a way back that leads nowhere any more says so, and not of a link"(stage) {
    const hub = await openHubWithProvider(stage);
    const page = await (await stage.openDevice(hub)).visit("/sign-in");
    await press(page, CONTINUE);
    // The browser has begun a sign-in, and comes back with what another has used up.
    await page.waitForURL((url) => !url.href.startsWith(hub.url));
    await page.goto(`${hub.url}/sign-in?code=pco_of_nobody`);
    await sees(page, "That sign-in has been used already");
  },

  async "an address that the provider has not verified opens nothing"(stage) {
    const hub = await openHubWithProvider(stage);
    const page = await (await stage.openDevice(hub)).visit("/sign-up");
    await press(page, CONTINUE);
    await agreeThere(page, HEDY);
    await sees(page, "That provider does not say that your e-mail address is yours.");
    assert.equal((await accountsOf(hub, HEDY)).length, 0);
  },

  async "an account there is linked, signs in, and is unlinked"(stage) {
    const hub = await openHubWithProvider(stage);
    const ada = await hub.person();
    const page = await atAccount(await stage.openDevice(hub), ada);
    await press(ways(page), LINK);
    await agreeThere(page, GRACE);
    await sees(ways(page), "From now on you can sign in with it as well.");
    await sees(ways(page), GRACE.email);
    assert.equal(page.url(), `${hub.url}/account`);
    await hub.letter(ada.email, "Acme");

    const phone = await (await stage.openDevice(hub)).visit("/sign-in");
    await press(phone, CONTINUE);
    await agreeThere(phone, GRACE);
    await phone.waitForURL("**/account");
    await sees(phone, ada.email);

    await press(ways(page), `Unlink: Acme ${GRACE.email}`);
    await sees(ways(page), "You cannot sign in with it any more.");
    assert.equal(await ways(page).getByRole("listitem").count(), 0);
    assert.equal((await hub.letters(ada.email)).filter(({ text }) => text.includes("Acme")).length, 2);
  },

  async "the last way to sign in stays, and the page says why"(stage) {
    const hub = await openHubWithProvider(stage);
    const page = await (await stage.openDevice(hub)).visit("/sign-in");
    await press(page, CONTINUE);
    await agreeThere(page, ADA);
    await page.waitForURL("**/account");
    await press(ways(page), `Unlink: Acme ${ADA.email}`);
    await sees(ways(page), "This is the only way to sign in that you have.");
    assert.equal(await ways(page).getByRole("listitem").count(), 1);
  },

  async "an account there that somebody else here has is not linked"(stage) {
    const hub = await openHubWithProvider(stage);
    const other = await (await stage.openDevice(hub)).visit("/sign-in");
    await press(other, CONTINUE);
    await agreeThere(other, GRACE);
    await other.waitForURL("**/account");
    const ada = await hub.person();
    const page = await atAccount(await stage.openDevice(hub), ada);
    await press(ways(page), LINK);
    await agreeThere(page, GRACE);
    await sees(page, "this device");
    await until("the socket", async () => (await hub.sockets(ada)).length > 0);
    await sees(page, "Another account here has that sign-in already.");
  },

  async "t17: two tabs that begin at once both finish"(stage) {
    const hub = await openHubWithProvider(stage);
    const device = await stage.openDevice(hub);
    const [first, second] = [await device.visit(wanting("/sign-in")), await device.visit("/sign-in")];
    for (const page of [first, second]) {
      await press(page, CONTINUE);
      await page.getByLabel("Account").waitFor();
    }
    await agreeThere(first, ADA);
    await first.waitForURL(`${hub.url}${WANTED}`);
    await nameThere(second, ADA);
    await second.waitForURL("**/account");
    await sees(second, "Ada Lovelace · ada@example.org");
  },

  async "t17: nobody is signed in by a link of somebody else who began"(stage) {
    const hub = await openHubWithProvider(stage);
    const begin = new URLSearchParams({ redirect_to: `${hub.url}/sign-in`, code_challenge: "A".repeat(43) });
    const { headers } = await fetch(`${hub.url}/api/auth/oauth/acme/start?${begin}`, { redirect: "manual" });
    const device = await stage.openDevice(hub);
    const page = await device.visit(headers.get("location"));
    await agreeThere(page, ADA);
    await sees(page, "This sign-in cannot go on");
    await page.getByRole("link", { name: "Back to signing in" }).click();
    await page.waitForURL("**/sign-in");
    assert.equal(device.times("POST /api/auth/oauth/exchange"), 0);
    assert.equal((await accountsOf(hub, ADA)).length, 0);
  },

  async "a page of a site's own signs in by a popup, and hears of it"(stage) {
    const site = stage.use(await Elsewhere.open());
    const hub = await openHubWithProvider(stage, {
      PORTCULLIS_HTTP__ALLOWED_ORIGINS: new URL(site.beside).origin,
      PORTCULLIS_OAUTH__REDIRECTS: site.beside,
    });
    const device = await stage.openDevice(hub);
    await device.context.addInitScript(withButton, { hub: hub.url, site: site.beside });
    const page = await device.visit(site.beside);
    // A popup is in front of its page; Playwright tells every page that it is.
    await page.evaluate(() => (document.hasFocus = () => false));
    const button = page.getByRole("button", { name: "Acme" });

    const openPopup = async () => (await Promise.all([page.waitForEvent("popup"), button.click()]))[0];
    await agreeThere(await openPopup(), ADA, "Deny");
    await sees(page, "access_denied");
    // Who she is the provider has remembered.
    await (await openPopup()).getByRole("button", { name: "Allow" }).click();
    await sees(page, "signed in as ada@example.org");
    await until("the popups are closed", () => device.context.pages().length === 1);
    assert.equal(page.url(), site.beside, "the page itself was never left");
  },
};

/** Runs in each page of `site`, its popups too: a button, and what came of it. */
function withButton({ hub, site }) {
  if (!location.href.startsWith(site)) return;
  addEventListener("DOMContentLoaded", async () => {
    const { createClient } = await import(`${hub}/client.js`);
    const client = createClient({ url: hub, socket: false });
    const button = Object.assign(document.createElement("button"), { textContent: "Acme" });
    const outcome = document.createElement("p");
    document.body.append(button, outcome);
    button.addEventListener("click", async () => {
      try {
        await client.signInWithProvider("acme", { redirectTo: site, popup: true });
        outcome.textContent = `signed in as ${client.snapshot().user.email}`;
      } catch (error) {
        outcome.textContent = error.code;
      }
    });
  });
}
