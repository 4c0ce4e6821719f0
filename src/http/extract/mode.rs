//! `X-Portcullis-Mode`: how the refresh token travels.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::super::problem::Problem;

const HEADER: &str = "x-portcullis-mode";

/// The refresh token travels in the body. Cookie mode is not built yet: who asks for it is told so, for
/// a caller that wants its token kept from scripts must not be handed it in a body.
#[derive(Debug)]
pub struct NoMode;

impl<S: Sync> FromRequestParts<S> for NoMode {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.headers.contains_key(HEADER) {
            let detail = "this server has no such mode yet; leave the header out";
            return Err(Problem::field("X-Portcullis-Mode", "unsupported", detail));
        }
        Ok(Self)
    }
}
