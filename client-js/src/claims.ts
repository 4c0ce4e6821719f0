/**
 * Reading an access token as strictly as the hub writes it: one algorithm, exactly three header fields, every claim
 * there and of its type. A token that is anything else is refused before its signature is looked at.
 */

/** An access token of the hub (RFC 9068), once it has been verified. */
export interface Claims {
  readonly iss: string;
  readonly aud: string;
  /** The user. */
  readonly sub: string;
  readonly client_id: "portcullis";
  /** The session. */
  readonly sid: string;
  readonly jti: string;
  /** Seconds since 1970, as `exp` and `auth_time`. */
  readonly iat: number;
  readonly exp: number;
  readonly auth_time: number;
  /** The version of the auth state, as of the token's making; so is `role`. */
  readonly ver: number;
  readonly role: string;
  readonly amr: readonly string[];
  /** `socket` when it was minted over one. */
  readonly src?: "socket";
}

const MAX_LENGTH = 8 * 1024;
const LEEWAY_S = 5;
/** How far in the future a token may have been made. */
const MAX_FUTURE_S = 60;

/** A token whose form is right. */
export interface Unverified {
  readonly kid: string;
  readonly message: string;
  readonly signature: Buffer;
  readonly payload: string;
}

/** Takes `token` apart; `undefined` when it is no access token of a hub. */
export function takeApart(token: string): Unverified | undefined {
  const parts = token.split(".");
  if (token.length > MAX_LENGTH || parts.length !== 3) return undefined;
  const [head = "", payload = "", signature = ""] = parts;
  const header = readObject(head);
  const isOurs =
    header?.["typ"] === "at+jwt" && header["alg"] === "EdDSA" && Object.keys(header).length === 3;
  const kid = header?.["kid"];
  if (!isOurs || typeof kid !== "string") return undefined;
  return { kid, payload, message: `${head}.${payload}`, signature: Buffer.from(signature, "base64url") };
}

/** The claims in `payload`, when they are complete and `issuer` made them for now. */
export function readClaims(payload: string, issuer: string, nowSeconds: number): Claims | undefined {
  const claims = readObject(payload);
  if (!claims) return undefined;
  const texts = ["iss", "aud", "sub", "client_id", "sid", "jti", "role"];
  const numbers = ["iat", "exp", "auth_time", "ver"];
  const amr = claims["amr"];
  const isWhole =
    texts.every((name) => typeof claims[name] === "string") &&
    numbers.every((name) => Number.isSafeInteger(claims[name])) &&
    Array.isArray(amr) &&
    amr.every((method) => typeof method === "string");
  if (!isWhole) return undefined;
  const known = claims as unknown as Claims;
  const isMeant = known.iss === issuer && known.aud === issuer && known.client_id === "portcullis";
  const isOfNow = known.exp + LEEWAY_S > nowSeconds && known.iat < nowSeconds + MAX_FUTURE_S;
  return isMeant && isOfNow ? known : undefined;
}

function readObject(part: string): Record<string, unknown> | undefined {
  if (!/^[\w-]+$/.test(part)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
