//! `GET …/callback`: the browser comes back from a provider, and goes on to the frontend.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};

use super::super::client::Client;
use super::super::edge::Edge;
use super::super::extract::PathText;
use super::super::pages::Language;
use super::super::problem::{CommonProblems, LimitProblems, Problem};
use super::page;
use crate::app::App;
use crate::oauth::Answer;
use crate::secret::PlainToken;

/// Come back from a provider
///
/// The provider sends the browser here. What a program has to know is in the address that it then goes to.
#[utoipa::path(
    get,
    path = "/api/auth/oauth/{provider}/callback",
    operation_id = "oauth_callback",
    tag = "Sign-in",
    params(("provider" = String, Path, description = "As in the list of providers")),
    responses(
        CommonProblems,
        LimitProblems,
        (status = 302, description = "To `redirect_to`, with `?code=` (60 s, single use) or `?error=`: `access_denied`, `provider_unavailable`, `provider_refused`, `email_unverified`, `registration_closed`, `account_disabled`"),
        (status = 400, description = "A page: the sign-in was not begun in this browser, or has been used, or has expired; `bad_request`", content((String = "text/html"), (super::super::problem::Body = "application/problem+json"))),
        (status = 404, description = "A page: there is no such provider; `not_found`", content((String = "text/html"), (super::super::problem::Body = "application/problem+json"))),
    )
)]
pub async fn callback(
    State(app): State<App>,
    Extension(edge): Extension<Arc<Edge>>,
    client: Client,
    language: Language,
    PathText(provider): PathText,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let kept = edge.cookies.bindings(&headers);
    let answer = answer(query.as_deref());
    let by = client.anonymous();
    let heard = app.oauth.hear(&provider, answer, &kept, &by).await;
    match heard {
        Ok(arrival) => {
            let gone = edge.cookies.unbind(&arrival.key);
            let headers = AppendHeaders([(SET_COOKIE, gone)]);
            Ok((StatusCode::FOUND, headers, [(LOCATION, arrival.to.to_string())]).into_response())
        }
        Err(error) => page::stopped(error, &edge, language),
    }
}

/// The provider's answer. Providers add what they like; but nothing of it may stand there twice (RFC 6749, 3.1).
fn answer(query: Option<&str>) -> Option<Answer> {
    let mut answer = Answer::default();
    for (name, value) in url::form_urlencoded::parse(query?.as_bytes()) {
        let value = value.into_owned();
        let twice = match &*name {
            "state" => answer.state.replace(PlainToken::presented(value)).is_some(),
            "code" => answer.code.replace(PlainToken::presented(value)).is_some(),
            "error" => answer.error.replace(value).is_some(),
            "iss" => answer.issuer.replace(value).is_some(),
            _ => false,
        };
        if twice {
            return None;
        }
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t17_nothing_of_an_answer_may_stand_there_twice() {
        let whole = answer(Some("state=s&code=c%2Fd&iss=https%3A%2F%2Fa&scope=x&scope=y")).unwrap();
        assert_eq!(whole.state.unwrap().expose(), "s");
        assert_eq!(whole.code.unwrap().expose(), "c/d");
        assert_eq!(whole.issuer.as_deref(), Some("https://a"));
        for query in [
            "state=s&state=s",
            "code=a&code=b",
            "iss=a&iss=b",
            "error=a&error=b",
        ] {
            assert!(answer(Some(query)).is_none(), "{query}");
        }
        assert!(answer(None).is_none());
    }
}
