/** The connection of this script: a socket of its own, or, where tabs share one, that of the tab that leads. */

import type { PortcullisError } from "./errors.js";
import type { Connection } from "./events.js";
import type { News } from "./frames.js";
import { createLeader } from "./leader.js";
import type { EndReason, SocketToken } from "./model.js";
import type { Platform, SocketLike } from "./platform.js";
import { createSocket } from "./socket.js";
import type { TabMessages, Tabs } from "./tabs.js";

export interface ConnectionParts {
  readonly platform: Platform;
  readonly openSocket: (url: string, protocols: string[]) => SocketLike;
  readonly tabs: Tabs;
  /** The name of the lock; without one, or without Web Locks, every tab has a socket of its own. */
  readonly lock: string | undefined;
  readonly socketToken: () => Promise<SocketToken>;
  readonly version: () => number | undefined;
  /** `epoch` is that of the journal that numbered the frame; `isOwn` unless another tab's socket brought it. */
  readonly heard: (frame: News, epoch: string, isOwn: boolean) => void;
  readonly signedOut: (reason: EndReason, message?: string) => void;
  readonly changed: (connection: Connection) => void;
  readonly failed: (error: PortcullisError) => void;
}

export function createConnection(parts: ConnectionParts) {
  const { platform, tabs, lock, heard, changed } = parts;
  let sessionId: string | undefined;
  let connection: Connection = { state: "idle" };
  /** Tells a tab that was opened later the newest state. */
  let tellState = () => {};
  let forgetWake = () => {};

  const socket = createSocket({
    ...parts,
    heard(frame, epoch) {
      const session = sessionId;
      // An event reaches every tab by its own socket, where it has one.
      if (session && (leader || frame.type !== "event")) {
        const tell = () => tabs.send("news", session, epoch, frame);
        if (frame.type !== "event") tellState = tell;
        tell();
      }
      heard(frame, epoch, true);
    },
    changed(next) {
      connection = next;
      changed(next);
      if (leader?.leads()) tabs.send("connection", next);
    },
  });

  /** Whether another tab has the socket. */
  const follows = () => leader && !leader.leads();

  const leader =
    lock && platform.locks && tabs.isOpen
      ? createLeader(platform, platform.locks, lock, () => tabs.send("leads"), lead)
      : undefined;

  function lead(leads: boolean): void {
    if (leads) {
      tabs.send("leading");
      return void socket.connect();
    }
    socket.stop();
    // Somebody else leads, and knows how it is.
    if (sessionId) tabs.send("how");
  }

  const { isOpen, token, connect } = socket;
  return {
    isOpen,
    token,
    reconnect: connect,

    /** Connects for the session `next`, or for nobody. */
    follow(next?: string): void {
      if (next === sessionId) return;
      sessionId = next;
      leader?.stop();
      socket.reset();
      tellState = () => {};
      forgetWake();
      if (!next) return;
      forgetWake = platform.onWake(socket.wake);
      (leader ? leader.start : connect)();
    },

    /** Does what other tabs ask for. */
    heard: {
      news(session, epoch, frame) {
        if (session !== sessionId) return;
        // Two tabs may think that they lead, for as long as it takes a frozen one to wake up.
        const isNew = follows() && socket.read(epoch, frame.sequence);
        if (isNew || frame.type !== "event") heard(frame, epoch, false);
      },
      leads() {
        if (leader?.leads()) tabs.send("leading");
      },
      leading() {
        if (sessionId && follows()) leader?.watch();
      },
      how() {
        if (!leader?.leads()) return;
        tabs.send("connection", connection);
        tellState();
      },
      connection(theirs) {
        if (follows()) changed(theirs);
      },
    } satisfies Partial<TabMessages>,
  };
}
