/** The one error of this package, and every code that it can carry. */

/** What the hub says. `test/contract.test.ts` compares this with the hub's own list. */
export type ServerCode =
  | "access_denied"
  | "account_disabled"
  | "account_inactive"
  | "address_not_allowed"
  | "authentication_required"
  | "bad_request"
  | "body_too_large"
  | "conflict"
  | "email_unverified"
  | "forbidden"
  | "identity_taken"
  | "internal"
  | "invalid_credentials"
  | "invalid_token"
  | "last_admin"
  | "last_credential"
  | "malformed_json"
  | "method_not_allowed"
  | "misdirected_request"
  | "not_found"
  | "origin_refused"
  | "overloaded"
  | "provider_refused"
  | "provider_unavailable"
  | "rate_limited"
  | "reauthentication_required"
  | "refresh_required"
  | "refresh_reused"
  | "registration_closed"
  | "session_revoked"
  | "token_spent"
  | "unavailable"
  | "unknown_type"
  | "unsupported_media_type"
  | "validation_failed"
  | "wrong_password";

/** What this package says by itself. */
export type ClientCode =
  /** `fetch` was to send the access token to an origin that is not in `apiOrigins`. */
  | "foreign_origin"
  /** The call needs somebody to be signed in. */
  | "not_signed_in"
  /** No answer came: no network, no such host, or not in time. */
  | "network"
  /** The window of the provider could not be opened: call from the listener of a click. */
  | "popup_blocked"
  /** The person has closed the window of the provider. */
  | "popup_closed"
  /** The socket ended for a reason that trying again would not change; `closeCode` has it. */
  | "socket_closed"
  /** The store is full or forbidden: what it should have kept is lost with the page. */
  | "storage_refused"
  /** Something answered that is not the hub. */
  | "unexpected_answer";

export type ErrorCode = ServerCode | ClientCode;

/** What is wrong with one field of a request. */
export interface FieldError {
  readonly field: string;
  readonly code: string;
  /** For the person who types: show it beside the field. */
  readonly detail: string;
}

/** What is known beside the code. */
export type ErrorFacts = Partial<
  Pick<PortcullisError, "status" | "errors" | "retryAfterMs" | "request_id" | "closeCode" | "cause">
>;

/** Why something was not done. Match on `code`; `message` is for people who read logs. */
export class PortcullisError extends Error {
  override readonly name = "PortcullisError";
  declare readonly code: ErrorCode;
  /** The HTTP status; 0 when no answer came. */
  declare readonly status?: number | undefined;
  /** For `validation_failed`: what is wrong with which field. */
  declare readonly errors?: readonly FieldError[];
  readonly retryAfterMs: number = 0;
  /** Finds the request in the hub's log. */
  declare readonly request_id?: string | undefined;
  declare readonly closeCode?: number | undefined;

  constructor(code: ErrorCode, message: string = code, facts?: ErrorFacts) {
    super(message);
    Object.assign(this, { code }, facts);
  }

  /** Whether the same call may succeed later: no answer, a limit, a hub that is busy, a portal in between. */
  get isTemporary(): boolean {
    // A refusal (4xx) stays one, but for a timeout (408) and a limit (429).
    return !/^4(?!08|29)/.test(`${this.status ?? 400}`);
  }
}

/** The error that `thrown` is, or one around it. */
export function toError(thrown: unknown): PortcullisError {
  return thrown instanceof PortcullisError
    ? thrown
    : new PortcullisError("unexpected_answer", String(thrown), { cause: thrown });
}
