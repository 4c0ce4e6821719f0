//! Traces: the spans of this program, sent to a collector in batches by OTLP over HTTP.
//!
//! A thread of the SDK's own sends them. Its queue is bounded, and what does not fit is dropped: a collector that
//! is slow, away or dead costs spans, never a request. What is sent passes the filter of the log, which keeps libraries
//! to warnings: what they say below may hold what crosses the wire.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use secrecy::ExposeSecret as _;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::collector::Collector;
use crate::config::Telemetry;

/// How long one batch may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long what is left may take when the process ends.
const LAST: Duration = Duration::from_secs(2);

/// The way to the collector, if there is one.
#[derive(Debug)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    pub(super) fn new(config: &Telemetry) -> anyhow::Result<Self> {
        let Some(endpoint) = &config.otlp_endpoint else {
            return Ok(Self(None));
        };
        let base = endpoint.as_str().trim_end_matches('/');
        let base = base.strip_suffix("/v1/traces").unwrap_or(base);
        let address = format!("{base}/v1/traces");
        let headers = config.headers().unwrap_or_default().into_iter();
        let headers: HashMap<String, String> = headers
            .map(|(name, value)| (name, value.expose_secret().to_owned()))
            .collect();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(PATIENCE)?)
            .with_endpoint(address)
            .with_headers(headers)
            .with_timeout(PATIENCE)
            .build()
            .context("telemetry.otlp_endpoint: the exporter cannot be built")?;
        let resource = Resource::builder()
            .with_service_name(config.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Self(Some(provider)))
    }

    /// The layer that makes spans of OpenTelemetry of those of `tracing`.
    pub(super) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let tracer = self.0.as_ref()?.tracer("portcullis");
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        Some(layer)
    }

    /// Sends what is left, within two seconds, and ends.
    pub async fn flush(self) {
        let Some(provider) = self.0 else { return };
        // The SDK waits on this thread for its own, which needs the runtime's others to send.
        let last = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST));
        let delivered = tokio::time::timeout(LAST, last).await;
        if !matches!(delivered, Ok(Ok(Ok(())))) {
            tracing::warn!("the last traces could not be delivered");
        }
    }
}
