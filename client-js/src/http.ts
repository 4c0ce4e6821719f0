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
export type Send = <Answer>(route: Route, body?: unknown, credentials?: Credentials) => Promise<Answer>;

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
export function createSend(base: string, platform: Platform): Send {
  return (route, body, { token, cookie } = {}) => {
    const headers: Record<string, string> = {};
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers["Authorization"] = `Bearer ${token}`;
    if (cookie) headers["X-Portcullis-Mode"] = "cookie";
    return exchange(base, platform, route, {
      headers,
      credentials: cookie ? "include" : "omit",
      body: body ? JSON.stringify(body) : null,
    });
  };
}

/** Sends to the hub at `base` in any form, and reads its answer. */
export async function exchange<Answer>(
  base: string,
  platform: Platform,
  route: Route,
  init: RequestInit,
): Promise<Answer> {
  const [method, path] = route.split(" ") as [string, string];
  let response: Response;
  let text: string;
  try {
    response = await platform.fetch(base + path, {
      method,
      // React Native has no such signal, and a patience of its own.
      signal: AbortSignal.timeout?.(PATIENCE_MS),
      ...init,
    });
    text = await response.text();
  } catch (cause) {
    throw new PortcullisError("network", route, { status: 0, cause });
  }
  const answer = readJson(text);
  if (response.ok && (answer || !text)) return answer as Answer;
  throw refusal(response, answer as Problem | undefined);
}

/** The error that a refusal says, or whatever a proxy in front said instead. */
function refusal({ status }: Response, problem: Problem = {}): PortcullisError {
  const { code = "unexpected_answer", detail, retry_after = 0 } = problem;
  return new PortcullisError(code, detail, { ...problem, status, retryAfterMs: retry_after * 1000 });
}
