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
  afterClose,
  type ClientFrame,
  type ErrorFrame,
  type News,
  type Position,
  type ServerFrame,
  SUBPROTOCOL,
  TOKEN_SUBPROTOCOL,
  type TokenFrame,
} from "./frames.js";
import { readJson } from "./json.js";
import type { SocketToken } from "./model.js";
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
  let answered: ((frame?: TokenFrame | ErrorFrame) => void) | undefined;

  /** Disconnects and stays so; `forgets` where it stopped, or goes on from there the next time. */
  function stop(forgets?: boolean): void {
    leave({ state: "idle" });
    notBefore = 0;
    if (forgets) position = undefined;
  }

  /** Whether what `epoch` has numbered `sequence` is newer than all that was read; then it counts as read. */
  function read(epoch: string, sequence: number): boolean {
    const isNew = epoch !== position?.epoch || sequence > position.sequence;
    if (isNew) position = { epoch, sequence };
    return isNew;
  }

  /** The network or the person is back: no reason to wait any longer, unless the hub asked for it. */
  function wake(): void {
    const now = platform.now();
    const isSilent = state === "open" && now - heardAt > silence;
    if (isSilent || (state === "waiting" && now >= notBefore)) void connect();
  }

  /** Another access token, or `undefined` where no socket gives one. One question at a time. */
  function token(): Promise<TokenFrame | undefined> | undefined {
    if (state !== "open") return undefined;
    say({ type: "token", id: 1 });
    return new Promise((resolve, reject) => {
      answered = (frame) => {
        if (frame?.type === "error") reject(errorOf(frame));
        else resolve(frame);
      };
      platform.after(ANSWER_WITHIN_MS, answered);
    });
  }

  /** Connects, anew where need be, and goes on where it, or another tab's socket, stopped. */
  async function connect(): Promise<void> {
    const mine = leave({ state: "connecting" });
    try {
      const ticket = await core.session.socketToken();
      if (mine === attempt) open(ticket);
    } catch (thrown) {
      if (mine === attempt) refused(toError(thrown));
    }
  }

  function open({ token, url }: SocketToken): void {
    // The token as a subprotocol saves a round trip; only a hello can resume.
    const resume = position;
    socket = openSocket(url, resume ? [SUBPROTOCOL] : [SUBPROTOCOL, TOKEN_SUBPROTOCOL + token]);
    within(READY_WITHIN_MS, wait);
    if (resume) socket.onopen = () => say({ type: "hello", token, resume });
    socket.onmessage = ({ data }) => {
      // Types that are not known fall through.
      const frame = readJson(data as string) as ServerFrame | undefined;
      if (frame) take(frame);
    };
    socket.onclose = ({ code }) => closed(code);
  }

  function take(frame: ServerFrame): void {
    const now = platform.now();
    heardAt = now;
    // Whoever was asked to come back later leaves at that time, silence or not.
    if (state === "open" && notBefore === 0) within(silence, wait);
    switch (frame.type) {
      case "ready": {
        const { epoch, sequence, heartbeat, retry, resumed } = frame;
        position = { epoch, sequence };
        backoff.opened(retry.min_ms, retry.max_ms);
        silence = heartbeat.interval_ms + heartbeat.timeout_ms;
        notBefore = 0;
        within(silence, wait);
        become({ state: "open", resumed });
        return heard(frame, epoch);
      }
      case "state":
      case "event": {
        if (!position) return;
        // An event may have been told before, by the socket of the tab that led until now.
        const isNew = read(position.epoch, frame.sequence);
        if (isNew || frame.type === "state") heard(frame, position.epoch);
        return;
      }
      case "signed_out":
        return core.session.lost(frame.reason, frame.message);
      case "reconnect":
        notBefore = now + frame.in_ms;
        return within(frame.in_ms, connect);
      case "ping":
        return say({ type: "pong", version: core.present.snapshot().state?.version });
      case "token":
        return answered?.(frame);
      case "error":
        return frame.id ? answered?.(frame) : failed(errorOf(frame));
    }
  }

  function closed(code: number): void {
    const next = afterClose(code);
    // Its frame, which says why, always comes before; this is for a hub that could not write it.
    if (next === "signed_out") return core.session.lost("revoked");
    if (next === "reconnect") return wait();
    leave({ state: "closed" });
    if (next === "error") failed(new PortcullisError("socket_closed", undefined, { closeCode: code }));
  }

  /** No token, so no socket. A 401 here does not mean signed out: only one to the refresh does. */
  function refused(error: PortcullisError): void {
    if (error.isTemporary || error.status === 401) {
      const { retryAfterMs } = error;
      // Not all at once who were turned away together.
      if (retryAfterMs) notBefore = platform.now() + retryAfterMs + backoff.next();
      return wait();
    }
    leave({ state: "closed" });
    failed(error);
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

  return { isOpen: () => state === "open", stop, read, wake, token, connect };
}

const errorOf = ({ code, detail }: ErrorFrame) => new PortcullisError(code, detail);
