//! The problems that groups of routes share, for the `OpenAPI` document: a handler names a set, and the
//! document lists each status with the codes that it may carry.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

type Responses = BTreeMap<String, RefOr<Response>>;

const PROBLEM: &str = "application/problem+json";
/// The routes of OAuth say the same as JSON (RFC 6749, 5.2).
const OAUTH: &str = "application/json";

/// One response for each `(status, codes)`.
fn list(media_type: &str, statuses: &[(&str, &str)]) -> Responses {
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = |codes: &str| {
        ResponseBuilder::new()
            .description(codes)
            .content(media_type, problem.clone())
            .build()
    };
    statuses
        .iter()
        .map(|(status, codes)| ((*status).to_owned(), response(codes).into()))
        .collect()
}

macro_rules! set {
    ($(#[$doc:meta])+ $name:ident: $($status:literal $codes:literal),+) => {
        set!($(#[$doc])+ $name in PROBLEM: $($status $codes),+);
    };
    ($(#[$doc:meta])+ $name:ident in $media_type:ident: $($status:literal $codes:literal),+) => {
        $(#[$doc])+
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> Responses {
                list($media_type, &[$(($status, $codes)),+])
            }
        }
    };
}

set!(
    /// What any route may answer.
    CommonProblems: "400" "`bad_request`", "405" "`method_not_allowed`, with `Allow`",
    "421" "`misdirected_request`", "500" "`internal`",
    "503" "`unavailable`, with `Retry-After`"
);
set!(
    /// What a route with a body may answer.
    BodyProblems: "400" "`bad_request`, `malformed_json`", "413" "`body_too_large`",
    "415" "`unsupported_media_type`", "422" "`validation_failed`, with `errors`"
);
set!(
    /// What a limited route may answer.
    LimitProblems: "429" "`rate_limited`, with `Retry-After`",
    "503" "`unavailable`, `overloaded`, with `Retry-After`"
);
set!(
    /// What a route for signed-in people may answer.
    UserProblems: "401" "`authentication_required`, `invalid_token`, `session_revoked`, with `WWW-Authenticate`"
);
set!(
    /// What a route for managers and backends may answer.
    ManagementProblems:
    "401" "`authentication_required`, `invalid_token`, `session_revoked`, with `WWW-Authenticate`",
    "403" "`forbidden`, with the permission that was missing; `address_not_allowed`",
    "429" "`rate_limited`: too many refusals, with `Retry-After`"
);
set!(
    /// What a route that takes a form of OAuth may answer.
    OAuthProblems in OAUTH: "400" "`invalid_request`: `bad_request`", "413" "`invalid_request`: `body_too_large`",
    "415" "`invalid_request`: `unsupported_media_type`", "500" "`server_error`: `internal`",
    "503" "`temporarily_unavailable`: `unavailable`, with `Retry-After`"
);
set!(
    /// What such a route for managers and backends may answer.
    OAuthCallerProblems in OAUTH:
    "401" "`invalid_client`: `authentication_required`, `invalid_token`, `session_revoked`, with `WWW-Authenticate`",
    "403" "`unauthorized_client`: `forbidden`, with the permission that was missing; `address_not_allowed`",
    "429" "`temporarily_unavailable`: `rate_limited`: too many refusals, with `Retry-After`"
);
