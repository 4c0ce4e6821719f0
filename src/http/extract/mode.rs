//! `X-Portcullis-Mode`: how the refresh token travels.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use utoipa::IntoParams;

use super::super::cookies::{Jar, Mode};
use super::super::edge::Edge;
use super::super::problem::Problem;
use super::body::check_media_type;
use crate::error::Code;

const HEADER: &str = "x-portcullis-mode";

/// How the refresh token travels, where a route gives or takes one.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ModeHeader {
    /// `cookie`: the refresh token is in an HttpOnly cookie and in no body. For browsers: the `Origin` must be in
    /// `http.allowed_origins`, the content type JSON.
    #[param(rename = "X-Portcullis-Mode", value_type = String, required = false, pattern = "^cookie$")]
    #[expect(dead_code, reason = "only its description is used")]
    mode: Option<String>,
}

/// Without the header no cookie is looked at. With it the browser must name one of our origins, and say that
/// it sends JSON, body or no body: a page of another site can do neither without being asked first (T24).
impl<S: Sync> FromRequestParts<S> for Mode {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let headers = &parts.headers;
        let mut sent = headers.get_all(HEADER).iter();
        match (sent.next(), sent.next()) {
            (None, _) => return Ok(Self::Body),
            (Some(mode), None) if mode == "cookie" => {}
            _ => {
                let detail = "must be `cookie`, once, or be left out";
                return Err(Problem::field("X-Portcullis-Mode", "invalid", detail));
            }
        }
        let refused = Problem::new(Code::OriginRefused);
        let Some(edge) = parts.extensions.get::<Arc<Edge>>() else {
            return Err(refused);
        };
        if !edge.origins.allow(headers) {
            return Err(
                refused.detail("cookie mode is for the hub's own pages and those of http.allowed_origins")
            );
        }
        check_media_type(headers)?;
        Ok(Self::Cookie(Jar::of(Arc::clone(edge), headers)))
    }
}
