//! Problems (RFC 9457): the one shape of every refusal and failure over HTTP.
//!
//! A handler returns a [`Problem`]; as a response it is a status and an extension. The outermost layer
//! (`middleware::finish`) writes the body, for only there the request id and the public address are at
//! hand. `faults` maps what services say, `catalogue` holds status, title and explanation of each code,
//! `sets` the groups that the `OpenAPI` document lists, `oauth` how the routes of OAuth say it.

mod catalogue;
pub(super) mod faults;
pub(super) mod oauth;
mod sets;

use std::borrow::Cow;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

pub use catalogue::Entry;
pub use sets::{
    BodyProblems, CommonProblems, LimitProblems, ManagementProblems, OAuthCallerProblems, OAuthProblems,
    UserProblems,
};

use super::edge::Edge;
use crate::clock::whole_seconds;
use crate::error::{Code, FieldError};

/// Why a request was not done.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    /// Said in the words of OAuth as well.
    oauth: bool,
}

impl Problem {
    /// The problem that `code` stands for, explained in general words.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
            oauth: false,
        }
    }

    /// 422 with the faults of single fields.
    #[must_use]
    pub const fn fields(errors: Vec<FieldError>) -> Self {
        Self {
            code: Code::ValidationFailed,
            detail: None,
            errors,
            retry_after: None,
            oauth: false,
        }
    }

    /// 422 with the fault of one field.
    #[must_use]
    pub fn field(field: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(field, code, detail)])
    }

    /// Says what is wrong with this very request. Never a secret, never what a stranger should not learn.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says when to come back, rounded up to whole seconds, at least one.
    #[must_use]
    pub const fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// What programs match on.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The faults of single fields.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The HTTP status of the code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        Entry::of(self.code).status
    }

    /// Writes body and headers into the `response` that this problem travelled in.
    pub(super) fn render(self, edge: &Edge, request_id: &str, response: &mut Response) {
        let entry = Entry::of(self.code);
        let retry_after = self.retry_after.map(whole_seconds).or_else(|| {
            // Spread over a few seconds, so that those who were turned away do not come back at once.
            (entry.status == StatusCode::SERVICE_UNAVAILABLE).then(|| 1 + edge.rng.below(3))
        });
        let detail = self.detail.map_or(Cow::Borrowed(entry.detail), Cow::Owned);
        let media_type = if self.oauth {
            "application/json; charset=utf-8"
        } else {
            "application/problem+json"
        };
        let body = Body {
            error: self.oauth.then(|| oauth::error(self.code)),
            error_description: self.oauth.then(|| oauth::description(&detail)),
            kind: edge.problem_address(self.code),
            title: entry.title,
            status: entry.status.as_u16(),
            detail,
            code: self.code.as_str(),
            request_id,
            errors: self.errors,
            retry_after,
        };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge(self.code) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        *response.body_mut() = axum::body::Body::from(text);
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What `WWW-Authenticate` says (RFC 6750, 3); every 401 has one.
const fn challenge(code: Code) -> Option<&'static str> {
    match code {
        Code::AuthenticationRequired | Code::InvalidCredentials => Some(r#"Bearer realm="portcullis""#),
        Code::InvalidToken => Some(r#"Bearer realm="portcullis", error="invalid_token""#),
        Code::SessionRevoked | Code::RefreshReused => Some(
            r#"Bearer realm="portcullis", error="invalid_token", error_description="the session has ended""#,
        ),
        _ => None,
    }
}

/// Answers every address that does not exist.
pub async fn not_found() -> Problem {
    Problem::new(Code::NotFound).detail("there is nothing at this address")
}

/// Answers a method that an address does not have; the router adds `Allow`.
pub async fn method_not_allowed(method: Method) -> Problem {
    let known = method.as_str().len() <= 16;
    let detail = if known {
        format!("{method} is not possible here")
    } else {
        "not possible here".into()
    };
    Problem::new(Code::MethodNotAllowed).detail(detail)
}

/// Answers everything but GET where GET mints something: there HEAD is refused, too.
pub async fn get_only(method: Method) -> Response {
    let allow = [(ALLOW, HeaderValue::from_static("GET"))];
    (allow, method_not_allowed(method).await).into_response()
}

/// The body of every refusal and failure (RFC 9457), as `application/problem+json`.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body<'a> {
    /// From the routes of OAuth alone (RFC 6749, 5.2): `invalid_request`, `invalid_client` …
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// From the routes of OAuth alone: `detail`, in ASCII.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<String>,
    /// `<public_url>/problems/<code>`: a page that explains the code.
    #[serde(rename = "type")]
    #[schema(format = Uri)]
    kind: String,
    /// The code in a few words.
    title: &'static str,
    status: u16,
    /// What is wrong with this very request, for a person.
    detail: Cow<'static, str>,
    /// Stable: what programs match on.
    code: &'static str,
    /// Finds the request in the server's log.
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<Fault>>)]
    errors: Vec<FieldError>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// What is wrong with one field; the schema of [`FieldError`].
#[derive(ToSchema)]
#[schema(as = FieldError)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct Fault {
    /// The field's path, as in `email` or `scopes.0`; empty for the body itself.
    field: String,
    /// `required`, `invalid`, `invalid_type`, `unknown_field`, `duplicate_field`, `too_long` …
    code: String,
    detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(problem: Problem) -> (Response, serde_json::Value) {
        let edge = Edge::for_tests();
        let mut response = problem.clone().into_response();
        problem.render(&edge, "r-1", &mut response);
        let body = std::mem::take(response.body_mut());
        let bytes = futures_util::FutureExt::now_or_never(axum::body::to_bytes(body, 1 << 16));
        let json = serde_json::from_slice(&bytes.unwrap().unwrap()).unwrap();
        (response, json)
    }

    #[test]
    fn a_problem_has_the_members_of_the_contract_and_no_others() {
        let (response, json) = rendered(Problem::field("email", "required", "say who you are"));
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            json,
            serde_json::json!({
                "type": "https://auth.example.org/problems/validation_failed",
                "title": "Some fields are wrong",
                "status": 422,
                "detail": Entry::of(Code::ValidationFailed).detail,
                "code": "validation_failed",
                "request_id": "r-1",
                "errors": [{ "field": "email", "code": "required", "detail": "say who you are" }],
            })
        );
    }

    #[test]
    fn when_to_come_back_is_told_in_header_and_body_and_rounded_up() {
        let limited = Problem::new(Code::RateLimited).retry_after(Duration::from_millis(1_200));
        let (response, json) = rendered(limited);
        assert_eq!(
            (&response.headers()[RETRY_AFTER], &json["retry_after"]),
            (&"2".parse().unwrap(), &2.into())
        );
        for code in [Code::Unavailable, Code::Overloaded] {
            let (response, json) = rendered(Problem::new(code));
            assert!((1..=3).contains(&json["retry_after"].as_u64().unwrap()));
            assert_eq!(
                response.headers()[RETRY_AFTER].to_str().unwrap(),
                json["retry_after"].to_string()
            );
        }
    }

    #[test]
    fn every_401_and_nothing_else_has_a_challenge() {
        for code in Code::ALL {
            let (response, _) = rendered(Problem::new(*code));
            let unauthorised = response.status() == StatusCode::UNAUTHORIZED;
            assert_eq!(
                response.headers().contains_key(WWW_AUTHENTICATE),
                unauthorised,
                "{code}"
            );
        }
    }

    #[test]
    fn t16_an_internal_fault_says_nothing_else() {
        let fault = crate::store::Error::Url;
        let (response, json) = rendered(Problem::from(fault));
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(json["code"], "internal");
        assert!(!json.to_string().contains("database"));
    }
}
