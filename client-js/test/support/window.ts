/** A page's window that can leave for a provider, come back, and open a popup. */

import type { WindowLike } from "../../src/platform.js";

export class FakeWindow implements WindowLike {
  readonly items = new Map<string, string>();
  readonly sessionStorage = {
    getItem: (key: string) => this.items.get(key) ?? null,
    setItem: (key: string, value: string) => void this.items.set(key, value),
    removeItem: (key: string) => void this.items.delete(key),
  };
  readonly history = {
    state: null,
    replaceState: (_state: unknown, _title: string, address?: string | URL | null) => {
      this.location.href = String(address);
    },
  };
  readonly document = { hasFocus: () => this.isInFront };
  readonly location = { href: "https://app.example.org/" };
  isInFront = true;
  closed = false;
  isBlocking = false;
  popup: FakeWindow | undefined;

  open(): FakeWindow | null {
    this.popup = this.isBlocking ? undefined : new FakeWindow();
    return this.popup ?? null;
  }

  close(): void {
    this.closed = true;
  }
}
