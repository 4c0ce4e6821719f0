//! The one list of public error codes, and the shape of a fault in one field of a request.
//!
//! REST answers, socket frames and the JS client share these codes; how a code looks over HTTP is
//! decided in `http/problem.rs`. Programs match on codes, so a code is never renamed.

use std::fmt;

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $text:literal,)+) => {
        /// A stable name for what went wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
        pub enum Code {
            $($(#[$doc])+ #[serde(rename = $text)] $name,)+
        }

        impl Code {
            /// Every code there is, for the pages that explain them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as programs see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON, or not UTF-8.
    MalformedJson = "malformed_json",
    /// The request itself makes no sense (a broken upgrade, a header that cannot be read).
    BadRequest = "bad_request",
    /// The body is larger than the route takes.
    BodyTooLarge = "body_too_large",
    /// The `Content-Type` is not the one that the route takes.
    UnsupportedMediaType = "unsupported_media_type",
    /// One or more fields are wrong; `errors` names them.
    ValidationFailed = "validation_failed",
    /// There is nothing at this address, or nothing that the caller may see.
    NotFound = "not_found",
    /// The address exists, the method does not; `Allow` lists those that do.
    MethodNotAllowed = "method_not_allowed",
    /// The `Host` of the request is not one that this server answers for.
    MisdirectedRequest = "misdirected_request",
    /// No credential was sent.
    AuthenticationRequired = "authentication_required",
    /// The token is malformed, unknown, expired, or meant for something else.
    InvalidToken = "invalid_token",
    /// The session behind the token has ended.
    SessionRevoked = "session_revoked",
    /// A refresh token was presented again after its successor had been used; its session has ended.
    RefreshReused = "refresh_reused",
    /// The token was minted over a socket; refresh over HTTP first.
    RefreshRequired = "refresh_required",
    /// The caller lacks a permission.
    Forbidden = "forbidden",
    /// The caller may manage, but not from this address.
    AddressNotAllowed = "address_not_allowed",
    /// The `Origin` is not in `http.allowed_origins`.
    OriginRefused = "origin_refused",
    /// Registration is switched off.
    RegistrationClosed = "registration_closed",
    /// The address and the password do not belong together.
    InvalidCredentials = "invalid_credentials",
    /// The password that was to prove the caller is not the account's.
    WrongPassword = "wrong_password",
    /// The sign-in behind the token is not fresh enough: to link a provider, or in place of a password where there is none.
    ReauthenticationRequired = "reauthentication_required",
    /// The account was never activated.
    AccountInactive = "account_inactive",
    /// The account was disabled.
    AccountDisabled = "account_disabled",
    /// OAuth: the person, or the provider for them, said no.
    AccessDenied = "access_denied",
    /// OAuth: the provider cannot be reached, or fails.
    ProviderUnavailable = "provider_unavailable",
    /// OAuth: what the provider answered is not what it should be, and nothing of it is believed.
    ProviderRefused = "provider_refused",
    /// OAuth: the provider does not vouch for an address, so there is no account to sign in to.
    EmailUnverified = "email_unverified",
    /// OAuth: the identity at the provider belongs to another account.
    IdentityTaken = "identity_taken",
    /// It is the only way to sign in that the account has.
    LastCredential = "last_credential",
    /// The mailed token is unknown, used or expired.
    TokenSpent = "token_spent",
    /// The request contradicts the present state.
    Conflict = "conflict",
    /// The act would leave nobody with the role `admin`.
    LastAdmin = "last_admin",
    /// Too many requests; `retry_after` says when to come back.
    RateLimited = "rate_limited",
    /// The server has more work than it can queue.
    Overloaded = "overloaded",
    /// Something that the answer needs cannot be reached.
    Unavailable = "unavailable",
    /// A fault of the server. The request id finds it in the log.
    Internal = "internal",
    /// Socket: the frame's `type` is not known.
    UnknownType = "unknown_type",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's path, as in `email` or `client.name`.
    pub field: String,
    /// A stable name for the fault: `required`, `invalid`, `too_long`, `unknown_field`, `weak_password` …
    pub code: &'static str,
    /// What to do about it, for a person.
    pub detail: String,
}

impl FieldError {
    /// The fault `code` in `field`.
    #[must_use]
    pub fn new(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code,
            detail: detail.into(),
        }
    }
}
