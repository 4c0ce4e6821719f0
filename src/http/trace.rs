//! What a request's span says to OpenTelemetry, in its own words, and whose trace it continues. Called by the
//! middleware where traces are sent.
//!
//! A `traceparent` says which trace a request belongs to, and whether it is kept. A stranger's is not believed:
//! it would let anybody write into the traces of others, and have all or none of their own requests kept.

use axum::http::{HeaderMap, StatusCode};
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Status, TraceContextExt as _};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::config::Telemetry;

/// Whether there are traces, and whose are continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traced {
    /// No traces are sent.
    No,
    /// Every request begins a trace.
    Alone,
    /// A request that comes by a trusted proxy continues the trace that the proxy names.
    Continued,
}

impl Traced {
    /// What the configuration says.
    pub(super) fn by(config: &Telemetry) -> Self {
        match (&config.otlp_endpoint, config.trust_parent) {
            (None, _) => Self::No,
            (Some(_), false) => Self::Alone,
            (Some(_), true) => Self::Continued,
        }
    }

    /// The span of a request. The fields `otel.…` are for the collector: without one the log is spared them.
    pub(super) fn span(self, request_id: &str, method: &'static str, route: &str) -> Span {
        if self == Self::No {
            return tracing::info_span!("request", %request_id, method, %route);
        }
        let name = format!("{method} {route}");
        let span = tracing::info_span!(
            "request",
            %request_id,
            method,
            %route,
            otel.kind = "server",
            otel.name = name
        );
        span.set_attribute("http.request.method", method);
        span.set_attribute("http.route", route.to_owned());
        span
    }

    /// Puts a span that has not begun into the trace that `headers` name. `by_proxy`: a trusted proxy sent them.
    pub(super) fn join(self, span: &Span, headers: &HeaderMap, by_proxy: bool) {
        if self == Self::Continued
            && by_proxy
            && let Some(parent) = parent(headers)
        {
            // It fails where no layer listens; then there is nothing to put anywhere.
            drop(span.set_parent(parent));
        }
    }

    /// Says how the request ended.
    pub(super) fn end(self, span: &Span, status: StatusCode) {
        if self == Self::No {
            return;
        }
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
    }
}

/// The trace that `headers` name (W3C Trace Context), if they name one as they should.
fn parent(headers: &HeaderMap) -> Option<Context> {
    let parent =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
    parent.span().span_context().is_valid().then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_what_the_standard_says() {
        let named = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", text.parse().unwrap());
            parent(&headers)
        };
        let found = named("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        let found = found.span().span_context().clone();
        assert_eq!(found.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(found.is_sampled());
        for wrong in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0af7651916cd43dd8448eb211c80319c",
        ] {
            assert!(named(wrong).is_none(), "{wrong:?}");
        }
        assert!(parent(&HeaderMap::new()).is_none());
    }
}
