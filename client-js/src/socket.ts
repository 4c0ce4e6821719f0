/**
 * The socket, kept open for as long as somebody is signed in.
 *
 *     idle -> connecting -> open -> waiting -> connecting …      closed: trying again would change nothing
 *
 * Every attempt begins with a request for a token. So REST tells the truth after a close that says nothing (1006),
 * and no rule is needed for that case. An attempt has a number, and what an earlier one brings late is not heard.
 */

import { createBackoff } from "./backoff.js";
import type { Core } from "./core.js";
import { PortcullisError, toError } from "./errors.js";
import type { Connection } from "./events.js";
import {
  type ClientFrame,
  type News,
  type Position,
  REASONS,
  type ServerFrame,
  SUBPROTOCOL,
  TOKEN_SUBPROTOCOL,
  type TokenFrame,
} from "./frames.js";
import { readJson } from "./json.js";
import type { OpenSocket, SocketLike } from "./platform.js";

/** From the opening of the socket to `ready`. */
const READY_WITHIN_MS = 10_000;
/** For the answer to a `token` frame. */
const ANSWER_WITHIN_MS = 5_000;

/** `heard` is told what the hub has decided, each event once; `changed` how the socket is. */
export function createSocket(
  core: Core,
  openSocket: OpenSocket,
  heard: (frame: News, epoch: string) => void,
  changed: (connection: Connection) => void,
) {
  const { platform, failed } = core;
  const backoff = createBackoff(platform);
  let state: Connection["state"] = "idle";
  let attempt = 0;
  let socket: SocketLike | undefined;
  /** The one deadline of the present state: `ready`, the next sign of life, or the next attempt. */
  let cancel = () => {};
  let position: Position | undefined;
  let heardAt = 0;
  let silence = 0;
  /** The time that the hub named for the next attempt. */
  let notBefore = 0;
  let answered: ((frame?: TokenFrame) => void) | undefined;

  /** Whether what `epoch` has numbered `sequence` is newer than all that was read; then it counts as read. */
  function read(epoch: string, sequence: number): boolean {
    const isNew = epoch !== position?.epoch || sequence > position.sequence;
    if (isNew) position = { epoch, sequence };
    return isNew;
  }

  /** Connects, anew where need be, and goes on where it, or another tab's socket, stopped. */
  async function connect(): Promise<void> {
    const mine = leave({ state: "connecting" });
    try {
      const { token, url } = await core.session.socketToken();
      if (mine === attempt) open(token, url);
    } catch (thrown) {
      if (mine === attempt) refused(toError(thrown));
    }
  }

  function open(token: string, url: string): void {
    // The token as a subprotocol saves a round trip; only a hello can resume.
    const resume = position;
    socket = openSocket(url, resume ? [SUBPROTOCOL] : [SUBPROTOCOL, TOKEN_SUBPROTOCOL + token]);
    within(READY_WITHIN_MS, wait);
    if (resume) socket.onopen = () => say({ type: "hello", token, resume });
    socket.onmessage = take;
    socket.onclose = closed;
  }

  function take({ data }: MessageEvent): void {
    const frame = readJson(data as string) as ServerFrame | undefined;
    if (!frame) return;
    const now = platform.now();
    heardAt = now;
    // Types that are not known fall through.
    switch (frame.type) {
      case "ready": {
        const { epoch, sequence, heartbeat } = frame;
        position = { epoch, sequence };
        backoff.opened(frame.retry);
        silence = heartbeat.interval_ms + heartbeat.timeout_ms;
        notBefore = 0;
        become({ state: "open", resumed: frame.resumed });
        heard(frame, epoch);
        break;
      }
      case "state":
      case "event":
        // An event may have been told before, by the socket of the tab that led until now.
        if (position && (read(position.epoch, frame.sequence) || frame.type === "state")) heard(frame, position.epoch);
        break;
      case "signed_out":
        core.session.lost(frame.reason, frame.message);
        break;
      case "reconnect":
        notBefore = now + frame.in_ms;
        within(frame.in_ms, connect);
        break;
      case "ping":
        say({ type: "pong", version: core.snapshot().state?.version });
        break;
      case "token":
        answered?.(frame);
        break;
      case "error":
        if (!frame.id) failed(new PortcullisError(frame.code, frame.detail));
        // A connection that is too old for tokens makes way for another one, and that begins with a refresh.
        else if (frame.code === "refresh_required") void connect();
        else answered?.();
    }
    // Whoever was asked to come back later leaves at that time, silence or not.
    if (state === "open" && !notBefore) within(silence, wait);
  }

  /** The hundred decides. Every attempt asks for a new token first, so 41xx and 42xx are one. */
  function closed({ code }: CloseEvent): void {
    const hundred = Math.floor(code / 100);
    // Its frame, which says more, always comes before; this is for a hub that could not write it.
    if (hundred === 40) return core.session.lost(REASONS[code] ?? "revoked");
    if (hundred === 43) return giveUp(new PortcullisError("socket_closed", undefined, { closeCode: code }));
    if (code === 1000) giveUp();
    else wait();
  }

  /** No token, so no socket. A 401 here does not mean signed out: only one to the refresh does. */
  function refused(error: PortcullisError): void {
    if (error.isTemporary || error.status === 401) {
      const { retryAfterMs } = error;
      // Not all at once who were turned away together.
      if (retryAfterMs) notBefore = platform.now() + retryAfterMs + backoff.next();
      return wait();
    }
    giveUp(error);
  }

  function giveUp(error?: PortcullisError): void {
    leave({ state: "closed" });
    if (error) failed(error);
  }

  /** Tries again after a random time, or at the time that the hub named. */
  function wait(): void {
    const named = notBefore - platform.now();
    const retryInMs = named > 0 ? named : backoff.next();
    leave({ state: "waiting", retryInMs });
    within(retryInMs, connect);
  }

  /** Ends whatever is under way, and says where that leads. */
  function leave(next: Connection): number {
    attempt += 1;
    cancel();
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1000);
      socket = undefined;
    }
    answered?.();
    become(next);
    return attempt;
  }

  function become(next: Connection): void {
    state = next.state;
    changed(next);
  }

  function within(ms: number, run: () => unknown): void {
    cancel();
    cancel = platform.after(ms, run);
  }

  function say(frame: ClientFrame): void {
    socket?.send(JSON.stringify(frame));
  }

  return {
    isOpen: () => state === "open",
    read,
    connect,

    /** Disconnects and stays so; `forgets` where it stopped, or goes on from there the next time. */
    stop(forgets?: boolean): void {
      leave({ state: "idle" });
      notBefore = 0;
      if (forgets) position = undefined;
    },

    /** The network or the person is back: no reason to wait any longer, unless the hub asked for it. */
    wake(): void {
      const now = platform.now();
      const isSilent = state === "open" && now - heardAt > silence;
      if (isSilent || (state === "waiting" && now >= notBefore)) void connect();
    },

    /** Another access token, or `undefined` where no socket gives one. One question at a time. */
    token(): Promise<TokenFrame | undefined> | undefined {
      if (state !== "open") return undefined;
      say({ type: "token", id: 1 });
      return new Promise((resolve) => {
        answered = resolve;
        platform.after(ANSWER_WITHIN_MS, resolve as () => void);
      });
    },
  };
}
