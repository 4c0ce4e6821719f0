//! Each public code over HTTP: its status, its title, and what to do about it. The pages under
//! `/problems/{code}` and the general `detail` of a problem read from here.

use axum::http::StatusCode as S;

use crate::error::Code;

/// What a code means over HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub status: S,
    /// The code in a few words.
    pub title: &'static str,
    /// One sentence, for a person.
    pub detail: &'static str,
    /// What a caller can do about it.
    pub remedy: &'static str,
}

/// Code, status, title, detail, remedy. The first row stands for a code that has none.
const TABLE: &[(Code, S, &str, &str, &str)] = &[
    (
        Code::Internal,
        S::INTERNAL_SERVER_ERROR,
        "Internal error",
        "a fault of the server",
        "Tell the operator the request id; it finds the fault in the log.",
    ),
    (
        Code::MalformedJson,
        S::BAD_REQUEST,
        "The body is not JSON",
        "the body could not be read as JSON",
        "Send one JSON object in UTF-8, nested at most 32 deep.",
    ),
    (
        Code::BadRequest,
        S::BAD_REQUEST,
        "The request makes no sense",
        "the request contradicts itself or cannot be read",
        "Check the headers: each of Host, Authorization and Content-Type is sent once.",
    ),
    (
        Code::BodyTooLarge,
        S::PAYLOAD_TOO_LARGE,
        "The body is too large",
        "a body has at most 16 KiB",
        "Send less.",
    ),
    (
        Code::UnsupportedMediaType,
        S::UNSUPPORTED_MEDIA_TYPE,
        "The media type is not supported",
        "send the body as application/json in UTF-8",
        "Set Content-Type: application/json and leave Content-Encoding out.",
    ),
    (
        Code::ValidationFailed,
        S::UNPROCESSABLE_ENTITY,
        "Some fields are wrong",
        "one or more fields are wrong; `errors` names them",
        "Correct what `errors` names; each entry has the field, a stable code and a sentence.",
    ),
    (
        Code::NotFound,
        S::NOT_FOUND,
        "Not found",
        "there is no such thing, or nothing that you may see",
        "Check the address and the id.",
    ),
    (
        Code::MethodNotAllowed,
        S::METHOD_NOT_ALLOWED,
        "The method is not allowed",
        "this address does not have this method",
        "Use one of the methods that the Allow header lists.",
    ),
    (
        Code::MisdirectedRequest,
        S::MISDIRECTED_REQUEST,
        "The request is meant for another host",
        "this server does not answer for the host that was asked",
        "Call the server by its public_url; a proxy must pass the Host header on.",
    ),
    (
        Code::Conflict,
        S::CONFLICT,
        "The request contradicts the present state",
        "the request contradicts the present state",
        "Read the present state, then decide again.",
    ),
    (
        Code::LastAdmin,
        S::CONFLICT,
        "Somebody must stay admin",
        "this would leave nobody with the role `admin`",
        "Make somebody else an admin first.",
    ),
    (
        Code::RateLimited,
        S::TOO_MANY_REQUESTS,
        "Too many requests",
        "too many requests; try again later",
        "Wait for as long as Retry-After says.",
    ),
    (
        Code::Overloaded,
        S::SERVICE_UNAVAILABLE,
        "The server is overloaded",
        "the server has more work than it can queue",
        "Try again after as long as Retry-After says.",
    ),
    (
        Code::Unavailable,
        S::SERVICE_UNAVAILABLE,
        "Not available at the moment",
        "something that the answer needs cannot be reached",
        "Try again after as long as Retry-After says; it may have been done all the same, and asking again is safe.",
    ),
    (
        Code::AuthenticationRequired,
        S::UNAUTHORIZED,
        "Sign in first",
        "this needs Authorization: Bearer and a token",
        "Send an access token, or, for a backend, a service key.",
    ),
    (
        Code::InvalidToken,
        S::UNAUTHORIZED,
        "The token is not valid",
        "the token is malformed, unknown, expired, or meant for something else",
        "Refresh, or sign in again.",
    ),
    (
        Code::SessionRevoked,
        S::UNAUTHORIZED,
        "The session has ended",
        "the session behind the token has ended",
        "Sign in again.",
    ),
    (
        Code::RefreshReused,
        S::UNAUTHORIZED,
        "An old refresh token was used again",
        "an old refresh token was presented, so somebody may have a copy; the session has been ended",
        "Sign in again; the owner was told by mail.",
    ),
    (
        Code::RefreshRequired,
        S::FORBIDDEN,
        "Refresh first",
        "the token was minted over a socket",
        "Refresh over HTTP, then ask again.",
    ),
    (
        Code::Forbidden,
        S::FORBIDDEN,
        "Not allowed",
        "you lack a permission that this needs",
        "Ask for the permission that `detail` names.",
    ),
    (
        Code::AddressNotAllowed,
        S::FORBIDDEN,
        "Not from this address",
        "you may manage, but not from this address",
        "Call from an address inside management.allow, or inside the key's own list.",
    ),
    (
        Code::OriginRefused,
        S::FORBIDDEN,
        "The origin is refused",
        "pages of this origin may not call: it is not in http.allowed_origins",
        "Add the origin to http.allowed_origins: scheme, host and port, as browsers send it.",
    ),
    (
        Code::RegistrationClosed,
        S::FORBIDDEN,
        "Registration is closed",
        "new accounts are made by the operator",
        "Ask the operator for an account.",
    ),
    (
        Code::InvalidCredentials,
        S::UNAUTHORIZED,
        "Wrong address or password",
        "the address and the password do not belong together",
        "Check both, or recover the account.",
    ),
    (
        Code::WrongPassword,
        S::FORBIDDEN,
        "Wrong password",
        "this is not the password of the account",
        "Ask the person to type the present password again, or recover the account.",
    ),
    (
        Code::ReauthenticationRequired,
        S::FORBIDDEN,
        "Sign in again first",
        "the sign-in is older than five minutes; a younger one is asked for to link a provider, and in place of the password where the account has none",
        "Let the person sign in again, then ask again with the new access token.",
    ),
    (
        Code::AccountInactive,
        S::FORBIDDEN,
        "The account is not active yet",
        "the account was never activated",
        "Follow the link in the activation mail, or ask for a new one.",
    ),
    (
        Code::AccountDisabled,
        S::FORBIDDEN,
        "The account is disabled",
        "the account was disabled",
        "Ask the operator.",
    ),
    (
        Code::AccessDenied,
        S::FORBIDDEN,
        "The provider said no",
        "the person, or the provider for them, did not agree to the sign-in",
        "Let the person try again, or sign in in another way.",
    ),
    (
        Code::ProviderUnavailable,
        S::SERVICE_UNAVAILABLE,
        "The provider cannot be reached",
        "the provider cannot be reached, or fails",
        "Try again later, or sign in in another way; the operator finds the cause in the log, and by `portcullis doctor`.",
    ),
    (
        Code::ProviderRefused,
        S::BAD_GATEWAY,
        "The provider's answer is refused",
        "what the provider answered is not what it should be, and nothing of it is believed",
        "Try again; if it stays, the operator finds the cause in the log.",
    ),
    (
        Code::EmailUnverified,
        S::FORBIDDEN,
        "The provider does not vouch for the address",
        "the provider does not say that the e-mail address is verified, so there is no account to sign in to",
        "Verify the address at the provider, or sign up with a password.",
    ),
    (
        Code::IdentityTaken,
        S::CONFLICT,
        "Another account has this identity",
        "this identity at the provider belongs to another account",
        "Sign in with it, and unlink it there first.",
    ),
    (
        Code::LastCredential,
        S::CONFLICT,
        "The last way to sign in stays",
        "this is the only way to sign in that the account has",
        "Choose a password, or link another identity first.",
    ),
    (
        Code::TokenSpent,
        S::GONE,
        "The link is used up",
        "the token is unknown, used or expired",
        "Ask for a new mail.",
    ),
    (
        Code::UnknownType,
        S::BAD_REQUEST,
        "The frame's type is not known",
        "sockets only: the frame's type is not known",
        "Send a type that the protocol has.",
    ),
];

impl Entry {
    /// The entry of `code`.
    #[must_use]
    pub fn of(code: Code) -> Self {
        let row = TABLE.iter().find(|row| row.0 == code).unwrap_or(&TABLE[0]);
        let &(_, status, title, detail, remedy) = row;
        Self {
            status,
            title,
            detail,
            remedy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_row_and_a_title_of_its_own() {
        let mut titles: Vec<_> = TABLE.iter().map(|row| row.2).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), TABLE.len());
        for code in Code::ALL {
            assert_eq!(TABLE.iter().filter(|row| row.0 == *code).count(), 1, "{code}");
        }
    }
}
