//! Bodies: at most 16 KiB of strict JSON, sent as such. [`Json`] is also how answers are written.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::problem::Problem;
use super::fields::{Fields, Read};
use super::strict_json;
use crate::error::Code;

/// The largest body, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A JSON object as body of a request, or JSON as body of an answer.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// As [`Json`], where the body may be left out: then no field was sent.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<S: Sync, T: Read> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_media_type(&parts.headers)?;
        let bytes = read(&parts.headers, body).await?;
        parse(&bytes).map(Self)
    }
}

impl<S: Sync, T: Read> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body).await?;
        if bytes.is_empty() {
            return Fields::read(Map::new(), Vec::new()).map(Self);
        }
        check_media_type(&parts.headers)?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_string(&self.0) {
            Ok(text) => {
                let kind = HeaderValue::from_static("application/json; charset=utf-8");
                ([(CONTENT_TYPE, kind)], text).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                Problem::new(Code::Internal).into_response()
            }
        }
    }
}

fn parse<T: Read>(bytes: &[u8]) -> Result<T, Problem> {
    let tree = strict_json::parse(bytes).map_err(|fault| Problem::new(Code::MalformedJson).detail(fault))?;
    match tree.value {
        Value::Object(map) => Fields::read(map, tree.duplicates),
        _ => Err(Problem::field(
            "",
            "invalid_type",
            "the body must be a JSON object",
        )),
    }
}

/// One `Content-Type: application/json`, its charset UTF-8 when named, and no `Content-Encoding`. A form
/// of a foreign page cannot send this without a preflight (T24).
pub(super) fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) if plain && kind.to_str().is_ok_and(is_json) => Ok(()),
        _ => Err(Problem::new(Code::UnsupportedMediaType)),
    }
}

fn is_json(kind: &str) -> bool {
    let mut parts = kind.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim_end().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    json && parts.all(utf8)
}

/// The whole body, or 413 as soon as it is known to be too large.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(Problem::new(Code::BodyTooLarge));
    }
    let cut_off = |detail: &'static str| Problem::new(Code::BadRequest).detail(detail);
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let all = async {
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| cut_off("the body was cut off"))?;
            if bytes.len() + chunk.len() > MAX_BODY {
                return Err(Problem::new(Code::BodyTooLarge));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .unwrap_or_else(|_| Err(cut_off("the body took too long to arrive")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[derive(Debug)]
    struct Nothing;

    impl Read for Nothing {
        fn read(_: &mut Fields) -> Option<Self> {
            Some(Self)
        }
    }

    fn code(kind: Option<&str>, body: impl Into<Body>) -> Option<Code> {
        let mut request = Request::builder();
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        let request = request.body(body.into()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let read = runtime.block_on(async { Json::<Nothing>::from_request(request, &()).await });
        read.err().map(|problem| problem.code())
    }

    #[test]
    fn t24_only_json_is_taken_as_json() {
        for kind in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json ; charset=utf-8",
        ] {
            assert_eq!(code(Some(kind), "{}"), None, "{kind}");
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json; charset=utf-16",
            "application/problem+json",
            "application/jsonp",
            "text/plain; application/json",
            "",
        ] {
            assert_eq!(code(Some(kind), "{}"), Some(Code::UnsupportedMediaType), "{kind}");
        }
        assert_eq!(code(None, "{}"), Some(Code::UnsupportedMediaType));
    }

    #[test]
    fn t27_a_body_is_bounded_and_must_be_an_object() {
        let json = Some("application/json");
        let padded = |length: usize| format!("{}{{}}", " ".repeat(length - 2));
        assert_eq!(code(json, padded(MAX_BODY)), None);
        assert_eq!(code(json, padded(MAX_BODY + 1)), Some(Code::BodyTooLarge));
        assert_eq!(code(json, ""), Some(Code::MalformedJson));
        assert_eq!(code(json, "{\"a\":"), Some(Code::MalformedJson));
        assert_eq!(code(json, vec![0xff]), Some(Code::MalformedJson));
        for other in ["[]", "null", "1", "\"text\""] {
            assert_eq!(code(json, other), Some(Code::ValidationFailed), "{other}");
        }
    }

    #[test]
    fn a_body_that_may_be_left_out_is_still_held_to_its_media_type() {
        let read = |request: Request| {
            OptionalJson::<Nothing>::from_request(request, &())
                .now_or_never()
                .map(|read| read.map(|_| ()))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        assert!(read(Request::new(Body::empty())).unwrap().is_ok());
        let text = read(Request::new(Body::from("scope=all"))).unwrap().unwrap_err();
        assert_eq!(text.code(), Code::UnsupportedMediaType);
    }
}
