//! Forms of OAuth (RFC 6749, appendix B): what RFC 7662 and RFC 7009 have their callers send.

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::super::problem::Problem;
use super::body;
use crate::error::Code;
use crate::secret::PlainToken;

/// The form of a request about one token. A parameter that is not known is ignored, one that is empty was
/// not sent (RFC 6749, 3.2).
#[derive(Debug, ToSchema)]
pub struct TokenForm {
    /// The token that it is about.
    #[schema(value_type = String, min_length = 1)]
    pub token: PlainToken,
    /// Ignored: a token says itself of which kind it is.
    #[schema(value_type = String, required = false, rename = "token_type_hint")]
    _token_type_hint: (),
}

impl<S: Sync> FromRequest<S> for TokenForm {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, sent) = request.into_parts();
        if !is_form(&parts.headers) {
            let detail = "send the body as application/x-www-form-urlencoded";
            return Err(Problem::new(Code::UnsupportedMediaType).detail(detail));
        }
        let bytes = body::read(&parts.headers, sent).await?;
        let mut tokens = form_urlencoded::parse(&bytes).filter(|(name, _)| name == "token");
        match (tokens.next(), tokens.next()) {
            (Some((_, token)), None) if !token.is_empty() => Ok(Self {
                token: PlainToken::presented(token),
                _token_type_hint: (),
            }),
            (Some(_), Some(_)) => Err(Problem::new(Code::BadRequest).detail("send `token` only once")),
            _ => Err(Problem::new(Code::BadRequest).detail("send the token in the form field `token`")),
        }
    }
}

/// Whether there is one `Content-Type`, and it is that of a form.
fn is_form(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return false;
    };
    let essence = kind.to_str().unwrap_or_default().split(';').next();
    let essence = essence.unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
