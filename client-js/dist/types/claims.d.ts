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
/** A token whose form is right. */
export interface Unverified {
    readonly kid: string;
    readonly message: string;
    readonly signature: Buffer;
    readonly payload: string;
}
/** Takes `token` apart; `undefined` when it is no access token of a hub. */
export declare function takeApart(token: string): Unverified | undefined;
/** The claims in `payload`, when they are complete and `issuer` made them for now. */
export declare function readClaims(payload: string, issuer: string, nowSeconds: number): Claims | undefined;
