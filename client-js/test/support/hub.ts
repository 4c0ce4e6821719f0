/** The REST side of a hub: one account, cookie mode, answers as in the hub's `docs/API.md`. */

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
  readonly credentials: string;
}

type Script = (seen: Seen) => Response | undefined | Promise<Response | undefined>;

export const USER = {
  id: "u1",
  email: "ada@example.org",
  email_verified: true,
  name: null,
  locale: null,
  avatar_url: null,
  status: "active",
  site_role: "user",
  version: 2,
  created_at: "2026-11-22T08:00:00Z",
} as const;

export function problem(status: number, code: string, more: object = {}): Response {
  const body = { type: `https://hub.example.org/problems/${code}`, title: code, status, detail: code, code, request_id: "r1", ...more };
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/problem+json" } });
}

export const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

export class FakeHub {
  readonly seen: Seen[] = [];
  /** Whether the browser's cookie, or the stored token, names a live session. */
  isSignedIn = false;
  sessionId = "s1";
  /** Tokens are numbered; in body mode refresh tokens too. */
  #tokens = 0;
  /** Access tokens that are refused. */
  readonly refused = new Set<string>();
  #script: Script = () => undefined;

  /** Answers in place of the hub, where it answers. */
  script(script: Script): void {
    this.#script = script;
  }

  /** The requests of one kind, such as `POST /api/auth/refresh`. */
  asked(what: string): Seen[] {
    return this.seen.filter(({ method, path }) => `${method} ${path}` === what);
  }

  async answer(request: Request): Promise<Response> {
    const text = await request.text();
    const isJson = request.headers.get("Content-Type") === "application/json";
    const seen: Seen = {
      method: request.method,
      path: new URL(request.url).pathname + new URL(request.url).search,
      headers: request.headers,
      body: isJson && text !== "" ? JSON.parse(text) : text,
      credentials: request.credentials,
    };
    this.seen.push(seen);
    return (await this.#script(seen)) ?? this.#route(seen);
  }

  #route(seen: Seen): Response {
    const bearer = seen.headers.get("Authorization")?.slice("Bearer ".length);
    switch (`${seen.method} ${seen.path}`) {
      case "POST /api/auth":
        this.isSignedIn = true;
        return json(this.pair(seen));
      case "POST /api/auth/refresh":
        return this.isSignedIn ? json(this.pair(seen)) : problem(401, "authentication_required");
      case "POST /api/auth/logout":
        this.isSignedIn = false;
        return new Response(null, { status: 204 });
      case "GET /api/auth/socket":
        if (bearer === undefined || this.refused.has(bearer)) return problem(401, "invalid_token");
        if (bearer.startsWith("socket-")) return problem(403, "refresh_required");
        this.#tokens += 1;
        return json({ token: `ticket-${this.#tokens}`, expires_in: 30, url: "wss://hub.example.org/ws", protocol: "portcullis.v1" });
      case "GET /api/users/me":
        return bearer === undefined || this.refused.has(bearer) ? problem(401, "invalid_token") : json(USER);
      default:
        return problem(404, "not_found");
    }
  }

  pair(seen: Seen): object {
    this.#tokens += 1;
    const isCookie = seen.headers.get("X-Portcullis-Mode") === "cookie";
    return {
      access_token: `access-${this.#tokens}`,
      token_type: "Bearer",
      expires_in: 300,
      ...(!isCookie && { refresh_token: `refresh-${this.#tokens}` }),
      refresh_expires_in: 1_209_600,
      session_id: this.sessionId,
      user: USER,
    };
  }
}
