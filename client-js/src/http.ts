/** One request to the hub: JSON in, JSON or a `PortcullisError` out. */

import { type ErrorCode, type FieldError, PortcullisError } from "./errors.js";
import type { Platform } from "./platform.js";

/** After so long without an answer there is none: a request that hangs must not hang a sign-in. */
const PATIENCE_MS = 15_000;

export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  /** Sent as JSON, but for a form. */
  readonly body?: unknown;
  readonly token?: string | undefined;
  /** The refresh token travels in its cookie (`X-Portcullis-Mode: cookie`). */
  readonly cookie?: boolean;
}

export type Send = <Answer>(call: Call) => Promise<Answer>;

interface Problem {
  readonly code?: ErrorCode;
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly request_id?: string;
  readonly retry_after?: number;
}

/** Sends to the hub at `base`, an address without a slash at its end. */
export function createSend(base: string, platform: Platform): Send {
  return async <Answer>({ method = "GET", path, body, token, cookie = false }: Call) => {
    const headers: Record<string, string> = {};
    const isForm = body instanceof URLSearchParams;
    if (body !== undefined && !isForm) headers["Content-Type"] = "application/json";
    if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
    if (cookie) headers["X-Portcullis-Mode"] = "cookie";

    const patience = new AbortController();
    const calm = platform.after(PATIENCE_MS, () => patience.abort());
    try {
      const response = await platform.fetch(base + path, {
        method,
        headers,
        cache: "no-store",
        credentials: cookie ? "include" : "omit",
        signal: patience.signal,
        ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw refusal(response, text);
      return (text === "" ? undefined : parse(text, response.status)) as Answer;
    } catch (thrown) {
      if (thrown instanceof PortcullisError) throw thrown;
      throw new PortcullisError("network", `${method} ${path}: no answer`, { cause: thrown });
    } finally {
      calm();
    }
  };
}

function parse(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PortcullisError("unexpected_answer", "the answer is not JSON", { status, cause });
  }
}

/** The error that a refusal (RFC 9457) says, or whatever a proxy in front said instead. */
function refusal(response: Response, text: string): PortcullisError {
  const { status, headers } = response;
  let problem: Problem = {};
  try {
    problem = (JSON.parse(text) ?? {}) as Problem;
  } catch {
    // A page of a proxy. Its status still tells whether to come back.
  }
  const seconds = problem.retry_after ?? Number(headers.get("Retry-After") ?? Number.NaN);
  return new PortcullisError(
    problem.code ?? "unexpected_answer",
    problem.detail ?? problem.title ?? `HTTP ${status}`,
    {
      status,
      errors: problem.errors ?? [],
      requestId: problem.request_id ?? headers.get("X-Request-Id") ?? undefined,
      retryAfterMs: seconds >= 0 ? seconds * 1000 : undefined,
    },
  );
}
