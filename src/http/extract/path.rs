//! Ids, names and tokens in the path.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::super::problem::Problem;
use crate::error::Code;
use crate::secret::PlainToken;

/// The longest token in a path that is looked at, in bytes.
const MAX_TOKEN: usize = 512;

/// An id in the path. What is no id names nothing: 404.
#[derive(Debug)]
pub struct PathId<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        let id = text.and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::new(Code::NotFound))
    }
}

/// A name in the path that the handler judges. What cannot be read as text is an empty one.
#[derive(Debug)]
pub struct PathText(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(text.map(|Path(text)| text).unwrap_or_default()))
    }
}

/// A mailed token in the path. What cannot be one is answered as an unknown one: 410.
#[derive(Debug)]
pub struct PathToken(pub PlainToken);

impl<S: Send + Sync> FromRequestParts<S> for PathToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        let token = text.filter(|Path(text)| text.len() <= MAX_TOKEN);
        token
            .map(|Path(text)| Self(PlainToken::presented(text)))
            .ok_or_else(|| Problem::new(Code::TokenSpent))
    }
}
