/** A WebSocket whose other end is the test. */

import type { SocketLike } from "../../src/platform.js";

export class FakeSocket implements SocketLike {
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  /** What the client said. */
  readonly sent: Record<string, unknown>[] = [];
  /** The code with which the client left. */
  left: number | undefined;

  constructor(
    readonly url: string,
    readonly protocols: readonly string[],
  ) {}

  send(text: unknown): void {
    this.sent.push(JSON.parse(text as string) as Record<string, unknown>);
  }

  close(code?: number): void {
    this.left = code;
  }

  open(): void {
    this.onopen?.call(this as never, {} as Event);
  }

  say(frame: object): void {
    this.onmessage?.call(this as never, { data: JSON.stringify(frame) } as MessageEvent);
  }

  closed(code: number): void {
    this.onclose?.call(this as never, { code } as CloseEvent);
  }

  /** The hub's `ready`, as in its `docs/PROTOCOL.md`. */
  ready(more: object = {}): void {
    this.open();
    this.say({ ...READY, ...more });
  }
}

export const STATE = { version: 2, role: "user", permissions: [], status: "active", email_verified: true } as const;

export const READY = {
  type: "ready",
  connection_id: "c1",
  session_id: "s1",
  user_id: "u1",
  state: STATE,
  heartbeat: { interval_ms: 25_000, timeout_ms: 10_000 },
  epoch: "e1",
  sequence: 41,
  resumed: false,
  retry: { min_ms: 500, max_ms: 20_000 },
  max_frame_bytes: 8192,
} as const;
