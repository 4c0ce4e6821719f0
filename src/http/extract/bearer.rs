//! `Authorization: Bearer …` (RFC 6750): the one place where a credential may stand in a request.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use super::super::client::Client;
use super::super::problem::Problem;
use crate::app::App;
use crate::audit::{Actor, Origin};
use crate::error::Code;
use crate::secret::PlainToken;
use crate::sessions::Current;

/// The longest credential that is looked at, in bytes.
const MAX_LENGTH: usize = 8192;

/// The bearer token of a request, if it has one. Nothing about it was checked.
#[derive(Debug)]
pub struct Bearer(pub Option<PlainToken>);

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&parts.headers).map(Self)
    }
}

/// A signed-in person: the session was checked against SQL at this moment.
#[derive(Debug)]
pub struct CurrentUser(pub Current);

impl CurrentUser {
    /// The origin of an act by this person.
    #[must_use]
    pub fn origin(&self, client: &Client) -> Origin {
        client.origin(Actor::User {
            id: self.0.user_id,
            session: self.0.session_id,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentUser
where
    App: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = required(&parts.headers)?;
        Ok(Self(App::from_ref(state).sessions.authenticate(&token).await?))
    }
}

/// The bearer token, or 401.
pub fn required(headers: &HeaderMap) -> Result<PlainToken, Problem> {
    read(headers)?.ok_or(Problem::new(Code::AuthenticationRequired))
}

fn read(headers: &HeaderMap) -> Result<Option<PlainToken>, Problem> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    match (sent.next(), sent.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => token(value),
        _ => Err(Problem::new(Code::BadRequest).detail("send exactly one Authorization header")),
    }
}

/// The token behind the scheme `Bearer`. Another scheme is as good as none.
fn token(value: &HeaderValue) -> Result<Option<PlainToken>, Problem> {
    let bytes = value.as_bytes();
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let (scheme, rest) = bytes.split_at(end);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    let token = rest.trim_ascii();
    // b64token of RFC 6750, 2.1
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    match std::str::from_utf8(token) {
        Ok(text) if (1..=MAX_LENGTH).contains(&text.len()) && token.iter().all(plain) => {
            Ok(Some(PlainToken::presented(text)))
        }
        _ => Err(Problem::new(Code::InvalidToken)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(values: &[&str]) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        read(&headers)
            .map(|token| token.map(|token| token.expose().to_owned()))
            .map_err(|problem| problem.code())
    }

    #[test]
    fn the_token_is_what_follows_the_scheme_in_any_case() {
        for value in [
            "Bearer abc.def-_~+/=",
            "bearer abc.def-_~+/=",
            "BEARER   abc.def-_~+/=  ",
        ] {
            assert_eq!(outcome(&[value]), Ok(Some("abc.def-_~+/=".into())), "{value}");
        }
        assert_eq!(outcome(&[]), Ok(None));
        assert_eq!(outcome(&["Basic YTpi"]), Ok(None));
        assert_eq!(outcome(&["Bearerabc"]), Ok(None));
    }

    #[test]
    fn t05_what_cannot_be_a_token_is_refused_unread() {
        let huge = format!("Bearer {}", "a".repeat(MAX_LENGTH + 1));
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "Bearer ä",
            "Bearer \"a\"",
            &huge,
        ] {
            assert_eq!(outcome(&[value]), Err(Code::InvalidToken), "{value:.20}");
        }
        assert_eq!(outcome(&["Bearer a", "Bearer a"]), Err(Code::BadRequest));
        assert_eq!(outcome(&["Bearer a", "Basic b"]), Err(Code::BadRequest));
    }
}
