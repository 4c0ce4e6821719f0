/** The connection of this script: a socket of its own, or, where tabs share one, that of the tab that leads. */

import type { Core } from "./core.js";
import { createLeader } from "./leader.js";
import type { OpenSocket } from "./platform.js";
import { createSocket } from "./socket.js";
import type { TabMessages } from "./tabs.js";

/** Where `shared`, and where there are Web Locks, one tab has the socket for all. */
export function createConnection(core: Core, openSocket: OpenSocket, shared: boolean) {
  const { platform, tabs, life, snapshot, update } = core;
  let sessionId: string | undefined;
  /** Tells a tab that was opened later the newest state. */
  let tellState = () => {};
  let forgetWake = () => {};

  const socket = createSocket(
    core,
    openSocket,
    (frame, epoch) => {
      const session = sessionId;
      // An event reaches every tab by its own socket, where it has one.
      if (session && (leader || frame.type !== "event")) {
        const tell = () => tabs.tell("news", session, epoch, frame);
        if (frame.type !== "event") tellState = tell;
        tell();
      }
      life.told(frame, epoch, true);
    },
    (connection) => {
      update({ connection });
      tell();
    },
  );

  /** Whether another tab has the socket. */
  const follows = () => leader && !leader.isLeading();

  const leader = shared && platform.locks ? createLeader(core, platform.locks, lead) : undefined;

  function lead(leads: boolean): void {
    if (leads) return void socket.connect();
    socket.stop();
    // Somebody else leads, and knows how it is.
    if (sessionId) tabs.tell("who");
  }

  /** Tells other tabs how the one socket is, if it is here; that it is here, they learn from it as well. */
  function tell(): void {
    if (leader?.isLeading()) tabs.tell("connection", snapshot().connection);
  }

  return {
    ...socket,

    /** Connects for the session `next`, or for nobody. */
    follow(next?: string): void {
      if (next === sessionId) return;
      sessionId = next;
      leader?.stop();
      socket.stop(true);
      tellState = () => {};
      forgetWake();
      if (!next) return;
      forgetWake = platform.onWake(socket.wake);
      (leader ? leader.start : socket.connect)();
    },

    /** Tells a tab that was opened later how things are. */
    tell(): void {
      tell();
      if (leader?.isLeading()) tellState();
    },

    /** Does what other tabs ask for. */
    heard: {
      news(session, epoch, frame) {
        if (session !== sessionId) return;
        // Two tabs may think that they lead, for as long as it takes a frozen one to wake up.
        const isNew = follows() && socket.read(epoch, frame.sequence);
        if (isNew || frame.type !== "event") life.told(frame, epoch, false);
      },
      leads: tell,
      connection(connection) {
        if (!sessionId || !follows()) return;
        leader?.watch();
        update({ connection });
      },
    } satisfies Partial<TabMessages>,
  };
}

export type Connect = ReturnType<typeof createConnection>;
