// What one scenario has opened, and closes when it is over.

import { Device } from "./browser.mjs";
import { Hub } from "./hub.mjs";

/** For a page to do what it should, on a slow machine. */
const PAGE_PATIENCE_MS = 45_000;

export class Stage {
  #opened = [];

  constructor(browser) {
    this.browser = browser;
  }

  /** A hub of its own; `settings` are variables of its environment. */
  openHub = async (settings) => this.use(await Hub.open(settings));

  /** A device in front of `hub`; `options` are those of the browser's context. */
  openDevice = async (hub, options) => {
    const device = this.use(await Device.open(this.browser, hub, options));
    device.context.setDefaultTimeout(PAGE_PATIENCE_MS);
    return device;
  };

  /** Notes that `thing` is to be closed as well. */
  use = (thing) => {
    this.#opened.push(thing);
    return thing;
  };

  /** Of all devices, what no page may do and one did. */
  get faults() {
    return this.#opened.flatMap(({ faults = [] }) => faults);
  }

  /** The last words of all hubs. */
  get log() {
    return this.#opened.flatMap(({ log = [] }) => log.slice(-5));
  }

  async close() {
    for (const thing of this.#opened.splice(0).reverse()) await thing.close();
  }
}
