/** One browser with a scripted hub: time, chance, network, tabs and locks are all the test's. */

import type { KeyValueStore, LocksLike, Platform } from "../../src/platform.js";
import { memoryStore } from "../../src/platform.js";
import { FakeHub } from "./hub.js";
import { FakeSocket } from "./socket.js";
import { FakeWindow } from "./window.js";

/** Lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await new Promise((resume) => setImmediate(resume));
}

/** Lets everything run until `isSo`: for what a thread of its own does, such as hashing. */
export async function eventually(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error("this was to happen");
    await new Promise((resume) => setImmediate(resume));
  }
  await settle();
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export class World {
  time = 1_000_000;
  /** What `random()` gives. */
  chance = 0.5;
  isOnline = true;
  readonly hub = new FakeHub();
  readonly store: KeyValueStore = memoryStore();
  readonly tabs: Tab[] = [];
  readonly locks = new FakeLocks();
  #timers: Timer[] = [];

  /** A tab: its platform shares the store, the channel and the locks with the others. */
  tab(window = new FakeWindow()): Tab {
    const tab = new Tab(this, window);
    this.tabs.push(tab);
    return tab;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.time + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves the clock, and runs what is due on the way. */
  async advance(ms: number): Promise<void> {
    const until = this.time + ms;
    await settle();
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      next.run();
      await settle();
    }
    this.time = until;
  }
}

export class Tab {
  readonly sockets: FakeSocket[] = [];
  readonly platform: Platform;
  isVisible = true;
  /** Nothing of a frozen tab runs: not its timers, nor what it is sent. */
  isFrozen = false;
  #wakers = new Set<() => void>();
  #channels: { readonly name: string; onmessage: ((event: MessageEvent) => unknown) | null }[] = [];

  constructor(
    world: World,
    readonly window: FakeWindow,
  ) {
    this.platform = {
      fetch: async (input, init) => {
        const request = new Request(input, init);
        if (!world.isOnline) throw new TypeError("fetch failed");
        return world.hub.answer(request);
      },
      openSocket: (url, protocols) => {
        const socket = new FakeSocket(url, protocols);
        this.sockets.push(socket);
        return socket;
      },
      openChannel: (name) => {
        const channel = {
          name,
          onmessage: null as ((event: MessageEvent) => unknown) | null,
          postMessage: (message: unknown) => {
            const data: unknown = structuredClone(message);
            for (const tab of world.tabs) if (tab !== this) queueMicrotask(() => tab.#receive(name, data));
          },
          close: () => {
            this.#channels = this.#channels.filter((other) => other !== channel);
          },
        };
        this.#channels.push(channel);
        return channel;
      },
      locks: world.locks,
      window: this.window,
      store: world.store,
      now: () => world.time,
      random: () => world.chance,
      after: (ms, run) => world.after(ms, () => this.isFrozen || run()),
      onWake: (run) => {
        this.#wakers.add(run);
        return () => this.#wakers.delete(run);
      },
      isVisible: () => this.isVisible,
    };
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  /** The network or the person comes back. */
  async wake(): Promise<void> {
    for (const run of [...this.#wakers]) run();
    await settle();
  }

  #receive(name: string, data: unknown): void {
    if (this.isFrozen) return;
    for (const channel of this.#channels) if (channel.name === name) channel.onmessage?.({ data } as MessageEvent);
  }
}

interface Holder {
  readonly held: () => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const aborted = () => new DOMException("stolen, or not wanted any more", "AbortError");

/** The Web Locks of one browser, for one name. */
export class FakeLocks implements LocksLike {
  /** Gives no locks at all, as in a sandboxed frame. */
  isForbidden = false;
  asked = 0;
  #holder: Holder | undefined;
  #queue: Holder[] = [];

  request(
    _name: string,
    { steal = false, signal }: { readonly steal?: boolean; readonly signal?: AbortSignal },
    held: () => Promise<void>,
  ): Promise<void> {
    this.asked += 1;
    return new Promise((resolve, reject) => {
      // In its turn, so that whoever asks again and again can be seen to.
      if (this.isForbidden) return void setImmediate(() => reject(new DOMException("sandboxed", "SecurityError")));
      const holder = { held, resolve, reject };
      signal?.addEventListener("abort", () => {
        if (!this.#queue.includes(holder)) return;
        this.#queue = this.#queue.filter((other) => other !== holder);
        reject(aborted());
      });
      if (steal) {
        this.#holder?.reject(aborted());
        this.#give(holder);
      } else {
        this.#queue.push(holder);
        this.#next();
      }
    });
  }

  #next(): void {
    if (this.#holder) return;
    const next = this.#queue.shift();
    if (next) this.#give(next);
  }

  #give(holder: Holder): void {
    this.#holder = holder;
    void Promise.resolve()
      .then(holder.held)
      .then(() => {
        holder.resolve();
        if (this.#holder !== holder) return;
        this.#holder = undefined;
        this.#next();
      });
  }
}
