/**
 * The hub as a backend sees it: access tokens are verified without asking it, what must be of this moment is asked, and
 * sessions and roles are changed with a service key.
 */

import { verify } from "node:crypto";
import { type Claims, readClaims, takeApart } from "./claims.js";
import { PortcullisError } from "./errors.js";
import { createSend, type Route, segment, trimmed } from "./http.js";
import { createKeys } from "./keys.js";
import type { SiteRole } from "./model.js";
import type { Platform } from "./platform.js";

export interface HubOptions {
  /** The hub's `public_url`: where it is asked, and what tokens must name as their issuer. */
  readonly url: string;
  /** Where the hub is asked, if not at its public address. */
  readonly internalUrl?: string;
  /** `pck_…`, for everything but `verify`. */
  readonly serviceKey?: string;
}

/** Whose sessions end: exactly one of these. */
export type Whose =
  | { readonly session_id: string }
  | { readonly user_id: string; readonly except_session_id?: string }
  | { readonly role: string }
  | { readonly all: true };

export interface RevokeOptions {
  /** For the audit log, at most 200 characters. */
  readonly reason: string;
  /** Shown to the person, at most 200 characters. */
  readonly message?: string;
  /** Counts, and changes nothing. */
  readonly dryRun?: boolean;
  /** `none`: until it is committed. `local` (unless set): until one node has closed its sockets. `all`: all nodes. */
  readonly wait?: "none" | "local" | "all";
  /** At most 10000; 2000 unless set. */
  readonly timeoutMs?: number;
}

export interface Receipt {
  readonly complete: boolean;
  readonly nodes: number;
  readonly acknowledged: number;
  readonly sockets_closed: number;
  readonly slowest_ms: number;
  /** Nodes that have not answered yet. */
  readonly pending: readonly string[];
}

export interface Revocation {
  /** `null` for a dry run, as `sequence`. */
  readonly id: string | null;
  readonly sequence: number | null;
  readonly sessions_revoked: number;
  /** `null` for a dry run, and when nothing was waited for. */
  readonly receipt: Receipt | null;
}

/** An access token of a live session, with role and permissions as they are now. */
export type Introspection =
  | { readonly active: false }
  | (Claims & { readonly active: true; readonly token_type: "Bearer"; readonly permissions: readonly string[] });

export interface Hub {
  /**
   * The claims of an access token, checked offline: signature, issuer, audience, time. `role` is that of its making:
   * a token is believed for as long as it lives. Throws `invalid_token`, and `forbidden` where `role` names others.
   */
  verify(token: string, needed?: { readonly role?: string | readonly string[] }): Promise<Claims>;
  /**
   * What an access token is worth at this moment. Throws `invalid_token` when it is worth nothing, and `forbidden`
   * without the permission. Scope `introspect`.
   */
  introspect(
    token: string,
    needed?: { readonly permission?: string },
  ): Promise<Extract<Introspection, { active: true }>>;
  /** Ends sessions and closes their sockets. When it answers, that is committed. Scope `sessions:revoke`. */
  revoke(whose: Whose, options: RevokeOptions): Promise<Revocation>;
  /** The receipt of a revocation as it stands now. */
  receipt(revocationId: string): Promise<Receipt>;
  /** Gives a user a role; open sockets hear it. Scope `roles:write`. */
  assignRole(userId: string, role: string): Promise<SiteRole>;
}

/** The access token of an `Authorization` header, or `undefined`. */
export function bearer(header: string | null | undefined): string | undefined {
  return /^Bearer +([\w.-]+)$/i.exec(header ?? "")?.[1];
}

export function createHubOn(platform: Platform, { url, internalUrl = url, serviceKey }: HubOptions): Hub {
  const issuer = trimmed(url);
  const base = trimmed(internalUrl);
  const send = createSend(base, platform);
  const sendForm = createSend(base, { fetch: (address, init) => platform.fetch(address, asForm(init)) });
  const keyOf = createKeys(send, platform.now);

  function key(): string {
    if (serviceKey === undefined) throw new TypeError("createHub needs a serviceKey for this call");
    return serviceKey;
  }

  async function asService<Answer>(route: Route, body?: object): Promise<Answer> {
    return send<Answer>(route, body, { token: key() });
  }

  return {
    async verify(token, { role } = {}) {
      const parts = takeApart(token);
      const signer = parts && (await keyOf(parts.kid));
      const isSigned = signer && verify(null, Buffer.from(parts.message), signer, parts.signature);
      const claims = isSigned ? readClaims(parts.payload, issuer, platform.now() / 1000) : undefined;
      if (!claims) throw new PortcullisError("invalid_token", "this is no valid access token", { status: 401 });
      const roles = typeof role === "string" ? [role] : role;
      if (roles && !roles.includes(claims.role)) throw forbidden(`one of the roles ${roles.join(", ")}`);
      return claims;
    },
    async introspect(token, { permission } = {}) {
      const found = await sendForm<Introspection>("POST /api/auth/introspect", { token }, { token: key() });
      if (!found.active || found.token_type !== "Bearer") {
        throw new PortcullisError("invalid_token", "this token is worth nothing now", { status: 401 });
      }
      if (permission !== undefined && !found.permissions.includes(permission)) {
        throw forbidden(`the permission ${permission}`);
      }
      return found;
    },
    revoke(whose, { reason, message, dryRun, wait, timeoutMs }) {
      const query = new URLSearchParams();
      if (wait !== undefined) query.set("wait", wait);
      if (timeoutMs !== undefined) query.set("timeout_ms", String(timeoutMs));
      const body = { ...whose, reason, message, dry_run: dryRun };
      return asService(`POST /api/revocations${query.size > 0 ? `?${query}` : ""}`, body);
    },
    receipt: (id) => asService(`GET /api/revocations/${segment(id)}`),
    assignRole: (id, role) => asService(`PUT /api/users/${segment(id)}/site_role`, { role }),
  };
}

/** RFC 7662 asks by a form. */
function asForm(init: RequestInit = {}): RequestInit {
  const headers = { ...(init.headers as Record<string, string>), "Content-Type": "application/x-www-form-urlencoded" };
  return { ...init, headers, body: new URLSearchParams(JSON.parse(init.body as string) as Record<string, string>) };
}

function forbidden(missing: string): PortcullisError {
  return new PortcullisError("forbidden", `needs ${missing}`, { status: 403 });
}
