/** The hub's own shapes, with its own field names: `docs/API.md` and `docs/PROTOCOL.md` of the hub explain them. */

export interface User {
  readonly id: string;
  readonly email: string;
  readonly email_verified: boolean;
  readonly name: string | null;
  readonly locale: string | null;
  readonly avatar_url: string | null;
  readonly status: "pending" | "active" | "disabled";
  readonly site_role: string;
  readonly version: number;
  readonly created_at: string;
}

/** What decides what a person may do. Always whole. */
export interface AuthState {
  readonly version: number;
  readonly role: string;
  readonly permissions: readonly string[];
  readonly status: "pending" | "active" | "disabled";
  readonly email_verified: boolean;
}

/** The present role, as `GET /api/auth/site_role` tells it. */
export interface SiteRole {
  readonly role: string;
  readonly permissions: readonly string[];
  readonly version: number;
}

/** One of the person's sign-ins. */
export interface Session {
  readonly id: string;
  readonly created_at: string;
  readonly last_seen_at: string;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly device: string | null;
  /** Whether it is the one that asks. */
  readonly current: boolean;
  readonly connections: readonly {
    readonly id: string;
    readonly node: string;
    readonly since: string;
    readonly ip: string | null;
  }[];
}

/** An account at a provider that signs in to this one. */
export interface Identity {
  readonly id: string;
  readonly provider: string;
  readonly email?: string | null;
  readonly name?: string | null;
  readonly created_at: string;
  readonly last_used_at?: string | null;
}

/** One can sign in by it. */
export interface Provider {
  readonly id: string;
  /** For a button. */
  readonly name: string;
  /** Where its sign-in begins; `signInWithProvider` goes there. */
  readonly start: string;
}

export interface List<Item> {
  readonly items: readonly Item[];
}

export interface TokenPair {
  readonly access_token: string;
  readonly token_type: "Bearer";
  /** Seconds, as `refresh_expires_in`. */
  readonly expires_in: number;
  /** Not in cookie mode. */
  readonly refresh_token?: string;
  readonly refresh_expires_in: number;
  readonly session_id: string;
  readonly user: User;
}

export interface SocketToken {
  readonly token: string;
  readonly expires_in: number;
  readonly url: string;
  readonly protocol: string;
}

/** Why the hub ended a session. */
export type EndReason =
  | "revoked"
  | "logout"
  | "password_changed"
  | "email_changed"
  | "account_disabled"
  | "account_deleted"
  | "refresh_reused"
  | "expired";
