/**
 * What the tabs of one origin tell each other. Nothing depends on it: a message that is lost costs a request.
 */

import type { ErrorCode } from "./errors.js";
import type { Connection, SignedOut } from "./events.js";
import type { News } from "./frames.js";
import type { Platform } from "./platform.js";
import type { Live } from "./session.js";
import { tried } from "./tried.js";

/** Each message by its name, with what it brings. */
export interface TabMessages {
  /** Is anybody signed in, and how is the connection? */
  who(): void;
  /** Signed in, or another access token. */
  live(live: Live): void;
  ended(why: SignedOut, sessionId: string): void;
  /** A socket has brought this; `epoch` is that of the journal that numbered it. */
  news(sessionId: string, epoch: string, frame: News): void;
  /** To the tab that holds the one socket: does it still run? */
  leads(): void;
  /** It does, and this is how its socket is. */
  connection(connection: Connection): void;
  /** The popup of the attempt with this challenge has signed in, or linked; or why not. */
  returned(challenge: string, error?: ErrorCode): void;
}

type Message = { [Name in keyof TabMessages]: [Name, ...Parameters<TabMessages[Name]>] }[keyof TabMessages];

/** `heard` does what the messages of other tabs ask for. Without `openChannel` there is nobody to tell. */
export function createTabs(openChannel: Platform["openChannel"], name: string, heard: () => Partial<TabMessages>) {
  // One that is forbidden, or closed already, is one that nobody hears.
  const channel = tried(() => openChannel?.(name));
  if (channel) {
    channel.onmessage = ({ data: [type, ...told] }: MessageEvent<[keyof TabMessages, ...never[]]>) => {
      (heard()[type] as ((...told: never[]) => void) | undefined)?.(...told);
    };
  }
  return {
    tell: (...message: Message) => tried(() => channel?.postMessage(message)),
    close: () => channel?.close(),
  };
}

export type Tabs = ReturnType<typeof createTabs>;
