/** The connection of this script: a socket of its own, or, where tabs share one, that of the tab that leads. */

import type { PortcullisError } from "./errors.js";
import type { Connection } from "./events.js";
import type { News, Position, SignedOutFrame } from "./frames.js";
import { createLeader } from "./leader.js";
import type { SocketToken } from "./model.js";
import type { Platform, SocketLike } from "./platform.js";
import { createSocket } from "./socket.js";
import type { TabMessage, Tabs } from "./tabs.js";

export interface ConnectionParts {
  readonly platform: Platform;
  readonly openSocket: (url: string, protocols: string[]) => SocketLike;
  readonly tabs: Tabs;
  /** The name of the lock; without one, or without Web Locks, every tab has a socket of its own. */
  readonly lock: string | undefined;
  readonly socketToken: () => Promise<SocketToken>;
  readonly version: () => number | undefined;
  /** `epoch` is that of the journal that numbered the frame; `isOwn` unless another tab's socket brought it. */
  readonly heard: (frame: News | SignedOutFrame, epoch: string, isOwn: boolean) => void;
  readonly changed: (connection: Connection) => void;
  readonly failed: (error: PortcullisError) => void;
}

export function createConnection(parts: ConnectionParts) {
  const { platform, tabs, lock } = parts;
  let sessionId: string | undefined;
  let position: Position | undefined;
  let connection: Connection = { state: "idle" };
  /** The newest state, for a tab that was opened later. */
  let latest: TabMessage | undefined;

  const socket = createSocket({
    ...parts,
    heard(frame, epoch) {
      // A sign-out is told as the end of the session; an event reaches every tab by its own socket, if it has one.
      if (sessionId !== undefined && frame.type !== "signed_out" && (leader || frame.type !== "event")) {
        position = { epoch, sequence: frame.sequence };
        const news: TabMessage = { type: "news", sessionId, epoch, frame };
        if (frame.type !== "event") latest = news;
        tabs.send(news);
      }
      parts.heard(frame, epoch, true);
    },
    changed(next) {
      connection = next;
      parts.changed(next);
      if (leader?.leads()) tabs.send({ type: "connection", connection });
    },
  });

  const leader =
    lock !== undefined && platform.locks && tabs.isOpen
      ? createLeader(platform, platform.locks, lock, () => tabs.send({ type: "leads?" }), lead)
      : undefined;

  /** Whether the socket is this tab's own. */
  const isOwn = () => leader?.leads() ?? true;

  /** Connects for the session `next`, or for nobody. */
  function follow(next: string | undefined): void {
    if (next === sessionId) return;
    sessionId = next;
    position = latest = undefined;
    socket.stop();
    if (next === undefined) return leader?.stop();
    leader?.start();
    if (isOwn()) socket.start();
  }

  /** What other tabs say, or ask. */
  function hear(message: TabMessage): void {
    if (message.type === "news") {
      const { frame, epoch } = message;
      if (message.sessionId !== sessionId) return;
      // Two tabs may think that they lead, for as long as it takes a frozen one to wake up.
      const isOld = epoch === position?.epoch && frame.sequence <= position.sequence;
      if (!isOwn() && !isOld) position = { epoch, sequence: frame.sequence };
      if (frame.type !== "event" || (!isOwn() && !isOld)) parts.heard(frame, epoch, false);
    } else if (isOwn()) {
      if (!leader) return;
      if (message.type === "leads?") tabs.send({ type: "leads" });
      if (message.type === "ask") {
        tabs.send({ type: "connection", connection });
        if (latest) tabs.send(latest);
      }
    } else if (message.type === "leads") {
      leader?.heard();
    } else if (message.type === "connection") {
      parts.changed(message.connection);
    }
  }

  function lead(leads: boolean): void {
    if (leads) {
      tabs.send({ type: "leads" });
      return socket.start(position);
    }
    socket.stop();
    // Somebody else leads, and knows how it is.
    if (sessionId !== undefined) tabs.send({ type: "ask" });
  }

  return { isOwn, follow, hear, wake: socket.wake, token: socket.token, reconnect: socket.reconnect };
}
