/** One request to the hub: JSON in, JSON or a `PortcullisError` out. */

import { type ErrorCode, type FieldError, PortcullisError } from "./errors.js";
import { readJson } from "./json.js";
import type { Platform } from "./platform.js";

/** After so long without an answer there is none: a request that hangs must not hang a sign-in. */
const PATIENCE_MS = 15_000;

/** A method and a path, such as `POST /api/auth`. */
export type Route = `${"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} /${string}`;

export interface Credentials {
  /** An access token or a service key. */
  readonly token?: string | undefined;
  /** The refresh token travels in its cookie (`X-Portcullis-Mode: cookie`). */
  readonly cookie?: boolean;
}

/** `body` is sent as JSON. */
export type Send = <Answer>(route: Route, body?: object, credentials?: Credentials) => Promise<Answer>;

/** What a refusal says (RFC 9457). */
interface Problem {
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly request_id?: string;
  readonly retry_after?: number;
}

/** The part of a segment of a path that is a secret or an id. */
export const segment = encodeURIComponent;

/** An address without slashes at its end. */
export const trimmed = (url: string) => url.replace(/\/+$/, "");

/** Sends to the hub at `base`, an address without a slash at its end. */
export function createSend(base: string, { fetch }: Pick<Platform, "fetch">): Send {
  return async <Answer>(route: Route, body?: object, { token, cookie }: Credentials = {}) => {
    const [method, path] = route.split(" ") as [string, string];
    let response: Response;
    let text: string;
    try {
      response = await fetch(base + path, {
        method,
        headers: {
          ...(body && { "Content-Type": "application/json" }),
          ...(token && { Authorization: `Bearer ${token}` }),
          ...(cookie && { "X-Portcullis-Mode": "cookie" }),
        },
        body: body ? JSON.stringify(body) : null,
        credentials: cookie ? "include" : "omit",
        // React Native has no such signal, and a patience of its own.
        signal: AbortSignal.timeout?.(PATIENCE_MS),
      });
      text = await response.text();
    } catch (cause) {
      throw new PortcullisError("network", route, { status: 0, cause });
    }
    const answer = readJson(text);
    if (response.ok && (answer || !text)) return answer as Answer;
    const { status, headers: told } = response;
    const problem = (answer ?? {}) as Problem;
    // Whatever a proxy in front says instead has a header alone.
    const { code = "unexpected_answer", detail, retry_after = told.get("Retry-After") } = problem;
    const retryAfterMs = Number(retry_after) * 1000 || 0;
    throw new PortcullisError(code, detail, { ...problem, status, retryAfterMs });
  };
}
