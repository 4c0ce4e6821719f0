/**
 * The socket, kept open for as long as somebody is signed in.
 *
 *     idle -> connecting -> open -> waiting -> connecting …      closed: trying again would change nothing
 *
 * Every attempt begins with a request for a token. So REST tells the truth after a close that says nothing (1006),
 * and no rule is needed for that case. An attempt has a number, and what an earlier one brings late is not heard.
 */

import { createBackoff } from "./backoff.js";
import { PortcullisError, toError } from "./errors.js";
import type { Connection } from "./events.js";
import {
  afterClose,
  type ClientFrame,
  type ErrorFrame,
  type News,
  type Position,
  readFrame,
  reasonOfClose,
  type ServerFrame,
  type SignedOutFrame,
  SUBPROTOCOL,
  TOKEN_SUBPROTOCOL,
  type TokenFrame,
} from "./frames.js";
import type { SocketToken } from "./model.js";
import type { Platform, SocketLike } from "./platform.js";
import { VERSION } from "./version.js";

/** From the opening of the socket to `ready`. */
const READY_WITHIN_MS = 10_000;
/** For the answer to a `token` frame. */
const ANSWER_WITHIN_MS = 5_000;

export interface SocketParts {
  readonly platform: Platform;
  readonly openSocket: (url: string, protocols: string[]) => SocketLike;
  /** A socket token; signing in anew, where that helps, is the caller's. */
  readonly socketToken: () => Promise<SocketToken>;
  /** The version of the state that the client holds. */
  readonly version: () => number | undefined;
  /** What the hub has decided, in its own words; each event once. */
  readonly heard: (frame: News | SignedOutFrame, epoch: string) => void;
  readonly changed: (connection: Connection) => void;
  readonly failed: (error: PortcullisError) => void;
}

export function createSocket(parts: SocketParts) {
  const { platform, openSocket, socketToken, version, heard, changed, failed } = parts;
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
  let asked = 0;
  let answered: ((frame?: TokenFrame | ErrorFrame) => void) | undefined;

  /** Connects, unless it is connected or about to be; goes on where another tab's socket stopped. */
  function start(from?: Position): void {
    if (state !== "idle" && state !== "closed") return;
    position = from;
    void connect();
  }

  /** Disconnects and stays so. */
  function stop(): void {
    leave({ state: "idle" });
    notBefore = 0;
  }

  /** The network or the person is back: no reason to wait any longer, unless the hub asked for it. */
  function wake(): void {
    const now = platform.now();
    const isSilent = state === "open" && now - heardAt > silence;
    if (isSilent || (state === "waiting" && now >= notBefore)) void connect();
  }

  /** Another access token, or `undefined` where no socket is open. One question at a time. */
  function token(): Promise<TokenFrame> | undefined {
    if (state !== "open") return undefined;
    asked += 1;
    const id = String(asked);
    say({ type: "token", id });
    return new Promise<TokenFrame>((resolve, reject) => {
      answered = (frame) => {
        if (frame && frame.id !== id) return;
        calm();
        answered = undefined;
        if (frame?.type === "token") resolve(frame);
        else reject(frame ? errorOf(frame) : new PortcullisError("network", "the socket gives no token"));
      };
      const calm = platform.after(ANSWER_WITHIN_MS, answered);
    });
  }

  /** Connects anew at once, and resumes. */
  async function connect(): Promise<void> {
    const mine = leave({ state: "connecting" });
    try {
      const ticket = await socketToken();
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
    socket.onopen = () => {
      if (resume) say({ type: "hello", token, client: { name: "portcullis-client", version: VERSION }, resume });
    };
    socket.onmessage = ({ data }) => {
      const frame = readFrame(data);
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
        const { epoch, sequence } = position;
        // Told before, by the socket of the tab that led until now.
        if (frame.type === "event" && frame.sequence <= sequence) return;
        position = { epoch, sequence: Math.max(sequence, frame.sequence) };
        return heard(frame, epoch);
      }
      case "signed_out":
        return heard(frame, "");
      case "reconnect":
        notBefore = now + frame.in_ms;
        return within(frame.in_ms, connect);
      case "ping":
        return say({ type: "pong", version: version() });
      case "token":
        return answered?.(frame);
      case "error":
        return frame.id === undefined ? failed(errorOf(frame)) : answered?.(frame);
    }
  }

  function closed(code: number): void {
    const next = afterClose(code);
    if (next === "signed_out") {
      // Its frame was lost on the way.
      return heard({ type: "signed_out", code, reason: reasonOfClose(code), scope: "session" }, "");
    }
    if (next === "reconnect") return wait();
    leave({ state: "closed" });
    if (next === "report") {
      failed(new PortcullisError("socket_closed", `closed by the hub: ${code}`, { closeCode: code }));
    }
  }

  /** No token, so no socket. A 401 here does not mean signed out: only one to the refresh does. */
  function refused(error: PortcullisError): void {
    if (error.isTemporary || error.status === 401) {
      const { retryAfterMs } = error;
      // Not all at once who were turned away together.
      if (retryAfterMs !== undefined) notBefore = platform.now() + retryAfterMs + backoff.next();
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

  return { start, stop, wake, token, reconnect: connect };
}

function errorOf({ code, detail, retry_after_ms }: ErrorFrame): PortcullisError {
  return new PortcullisError(code, detail, { retryAfterMs: retry_after_ms });
}
