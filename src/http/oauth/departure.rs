//! `GET …/start` and `GET …/link/{token}`: a browser is sent to a provider. What it is to keep until it comes back
//! is a cookie of this flow alone, so that two tabs do not take each other's.

use std::sync::Arc;

use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::response::{AppendHeaders, IntoResponse, Response};

use super::super::client::Client;
use super::super::edge::Edge;
use super::super::extract::PathText;
use super::super::pages::Language;
use super::super::problem::{CommonProblems, LimitProblems, Problem};
use super::page;
use crate::app::App;
use crate::error::FieldError;
use crate::oauth::{Departure, Error, Wish};
use crate::secret::PlainToken;

/// Sign in with a provider
///
/// For a browser to go to. PKCE with S256 alone: the exchange needs the verifier.
#[utoipa::path(
    get,
    path = "/api/auth/oauth/{provider}/start",
    operation_id = "start_oauth",
    tag = "Sign-in",
    params(
        ("provider" = String, Path, description = "As in the list of providers"),
        ("redirect_to" = String, Query, description = "Where the answer goes: an address of `oauth.redirects`, exactly"),
        ("code_challenge" = String, Query, description = "SHA-256 of the verifier, in base64url (RFC 7636)"),
        ("code_challenge_method" = Option<String>, Query, pattern = "^S256$", description = "`S256`, if it is said"),
    ),
    responses(
        CommonProblems,
        LimitProblems,
        (status = 302, description = "To the provider; to `redirect_to` with `?error=provider_unavailable` when it cannot be reached"),
        (status = 400, description = "A page: a parameter is missing or wrong; `bad_request`", content((String = "text/html"), (super::super::problem::Body = "application/problem+json"))),
        (status = 404, description = "A page: there is no such provider; `not_found`", content((String = "text/html"), (super::super::problem::Body = "application/problem+json"))),
    )
)]
pub async fn start(
    State(app): State<App>,
    Extension(edge): Extension<Arc<Edge>>,
    client: Client,
    language: Language,
    PathText(provider): PathText,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let departure = match wish(query.as_deref()) {
        Ok(wish) => app.oauth.start(&provider, wish, &client.anonymous()).await,
        Err(faults) => Err(Error::Invalid(faults)),
    };
    go(departure, &edge, language)
}

/// Link a provider
///
/// For a browser to go to: the address that somebody who is signed in has asked for. It works once, within a minute.
#[utoipa::path(
    get,
    path = "/api/auth/oauth/{provider}/link/{token}",
    operation_id = "start_link",
    tag = "Own account",
    params(
        ("provider" = String, Path, description = "As in the list of providers"),
        ("token" = String, Path, description = "From `POST /api/users/me/identities/{provider}`"),
    ),
    responses(
        CommonProblems,
        LimitProblems,
        (status = 302, description = "To the provider; to `redirect_to` with `?error=provider_unavailable` when it cannot be reached"),
        (status = 400, description = "A page: the address is unknown, used or expired; `bad_request`", content((String = "text/html"), (super::super::problem::Body = "application/problem+json"))),
        (status = 404, description = "A page: there is no such provider; `not_found`", content((String = "text/html"), (super::super::problem::Body = "application/problem+json"))),
    )
)]
pub async fn start_link(
    State(app): State<App>,
    Extension(edge): Extension<Arc<Edge>>,
    client: Client,
    language: Language,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Problem> {
    let (provider, ticket) = path.map(|Path(parts)| parts).unwrap_or_default();
    let ticket = PlainToken::presented(ticket);
    let departure = app
        .oauth
        .start_link(&provider, &ticket, &client.anonymous())
        .await;
    go(departure, &edge, language)
}

fn go(departure: Result<Departure, Error>, edge: &Edge, language: Language) -> Result<Response, Problem> {
    let Departure { to, binding } = match departure {
        Ok(departure) => departure,
        Err(error) => return page::stopped(error, edge, language),
    };
    let cookie = binding.map(|binding| (SET_COOKIE, edge.cookies.bind(&binding)));
    let cookies = AppendHeaders(cookie);
    Ok((StatusCode::FOUND, cookies, [(LOCATION, to.to_string())]).into_response())
}

/// What the query asks for. What it does not know it does not hear, and what stands there twice is wrong.
fn wish(query: Option<&str>) -> Result<Wish, Vec<FieldError>> {
    let mut faults = Vec::new();
    let mut one = |name: &'static str, needed: bool| {
        let mut found = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned());
        match (found.next(), found.next()) {
            (Some(value), None) => Some(value),
            (Some(_), Some(_)) => {
                faults.push(FieldError::new(name, "duplicate_field", "Write it once."));
                None
            }
            (None, _) => {
                if needed {
                    faults.push(FieldError::new(name, "required", "It is missing."));
                }
                None
            }
        }
    };
    let redirect_to = one("redirect_to", true);
    let code_challenge = one("code_challenge", true);
    let method = one("code_challenge_method", false);
    if method.is_some_and(|method| method != "S256") {
        let detail = "S256 is the one method; it can be left out.";
        faults.push(FieldError::new("code_challenge_method", "invalid", detail));
    }
    match (redirect_to, code_challenge) {
        (Some(redirect_to), Some(code_challenge)) if faults.is_empty() => Ok(Wish {
            redirect_to,
            code_challenge,
        }),
        _ => Err(faults),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t17_both_parameters_are_needed_once_each_and_the_method_is_s256() {
        let good = "redirect_to=https%3A%2F%2Fapp.example.org%2F&code_challenge=x";
        for query in [
            good.to_owned(),
            format!("{good}&code_challenge_method=S256&utm_source=mail"),
        ] {
            let wish = wish(Some(&query)).unwrap();
            assert_eq!(wish.redirect_to, "https://app.example.org/", "{query}");
            assert_eq!(wish.code_challenge, "x");
        }
        for (query, field) in [
            ("code_challenge=x".to_owned(), "redirect_to"),
            ("redirect_to=x".to_owned(), "code_challenge"),
            (
                format!("{good}&code_challenge_method=plain"),
                "code_challenge_method",
            ),
            (format!("{good}&redirect_to=y"), "redirect_to"),
            (format!("{good}&code_challenge=y"), "code_challenge"),
        ] {
            let faults = wish(Some(&query)).unwrap_err();
            assert_eq!(faults.first().unwrap().field, field, "{query}");
        }
        assert_eq!(wish(None).unwrap_err().len(), 2);
    }
}
