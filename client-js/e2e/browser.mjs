// One Chromium for all scenarios, and a context with cookies of its own for each device.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";
import { until } from "./until.mjs";

/** As scripts/install-test-tools looks for it. */
const NAMES = ["chromium", "chromium-browser", "google-chrome"];
/** The hub's own page that makes no client: that of the tests runs in it, under the policy of all pages. */
const BARE = "/problems/not_found";

/** The system's Chromium, or the one that CHROMIUM names. Root may not start it in its sandbox. */
export function launch() {
  const paths = process.env.PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const executablePath = process.env.CHROMIUM ?? paths.find(existsSync);
  if (!executablePath) throw new Error("There is no Chromium: scripts/install-test-tools, or set CHROMIUM to one");
  return chromium.launch({ executablePath, chromiumSandbox: process.getuid() !== 0 });
}

/** A device with a browser: its tabs share cookies and storage, and nothing with another device. */
export class Device {
  /** What went wrong in its pages that a page must not do wrong. */
  faults = [];
  /** What was asked for, as `POST /api/auth`. */
  asked = [];

  static async open(browser, hub, options = {}) {
    const device = new Device();
    device.hub = hub;
    device.context = await browser.newContext({
      baseURL: hub.url,
      locale: "en-US",
      viewport: { width: 1280, height: 900 },
      reducedMotion: "reduce",
      ...options,
    });
    device.watch();
    await device.context.addInitScript(withClient, BARE);
    return device;
  }

  watch() {
    const { context, faults } = this;
    context.on("weberror", (error) => faults.push(`${error.page()?.url()}: ${error.error().stack}`));
    context.on("console", (message) => {
      const isOwn = message.page()?.url().startsWith(this.hub.url);
      if (isOwn && /Content Security Policy/.test(message.text())) faults.push(message.text());
    });
    context.on("request", (request) => this.asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  }

  close() {
    return this.context.close();
  }

  /** How often it has asked for `what`. */
  times(what) {
    return this.asked.filter((request) => request === what).length;
  }

  /** A tab at `path` of the hub. */
  async visit(path) {
    const page = await this.context.newPage();
    await page.goto(path);
    return page;
  }

  /**
   * A tab with a client in `window.hub`, and what it has told in `window.told`; `tabs` is the client's option. With
   * `isStill` no time passes in it until `page.clock.resume()`.
   */
  async tab(tabs = "each", isStill = false) {
    const page = await this.context.newPage();
    if (isStill) {
      const now = Date.now();
      await page.clock.install({ time: now });
      await page.clock.pauseAt(now + 1_000);
    }
    await page.goto(`${BARE}?tabs=${tabs}`);
    await page.waitForFunction(() => window.hub);
    return page;
  }

  /** A tab whose client has signed `person` in, and is connected. */
  async signedIn(person, tabs) {
    const page = await this.tab(tabs);
    await page.evaluate(({ email, password }) => window.hub.signIn({ email, password }).then(() => {}), person);
    await is(page, "signedIn", "open");
    return page;
  }

  /** Its refresh token, which no page can see. */
  async refreshToken() {
    const cookies = await this.context.cookies(`${this.hub.url}/api/auth`);
    return cookies.find(({ name }) => name === "portcullis_refresh")?.value;
  }
}

/** Runs in each page before anything of its own. */
function withClient(bare) {
  if (location.pathname !== bare) return;
  window.told = [];
  import(`${location.origin}/client.js`).then(({ createClient }) => {
    const tabs = new URLSearchParams(location.search).get("tabs");
    const hub = createClient({ url: location.origin, tabs });
    for (const type of ["signedIn", "signedOut", "state"]) {
      // That nobody was signed in to begin with is no news.
      hub.on(type, (event) => event.reason === "none" || window.told.push({ type, event, at: Date.now() }));
    }
    window.hub = hub;
  });
}

export async function reload(page) {
  await page.reload();
  await page.waitForFunction(() => window.hub);
}

export const snapshot = (page) => page.evaluate(() => window.hub.snapshot());

/** Waits until a tab's client says so. */
export function is(page, status, connection, ms) {
  return until(`${status} ${connection ?? ""}`, async () => {
    const now = await snapshot(page);
    return now.status === status && (!connection || now.connection.state === connection);
  }, ms);
}

/** What the tab was told last of `type`: the event, and when. */
export const told = (page, type) => page.evaluate((type) => window.told.findLast((one) => one.type === type), type);
