//! Logs, traces and metrics: set up once by the command line, before anything else runs.
//!
//! Logs go to stderr, one line an event: for people in development, as JSON in production. Traces go to an
//! OpenTelemetry collector where one is configured. Metrics are kept for Prometheus and served by
//! [`serve_metrics`] on a listener of their own.

mod collector;
mod escape;
mod listener;
mod metrics;
mod traces;

use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

pub use self::metrics::{install as install_metrics, serve as serve_metrics};
pub use self::traces::Traces;
use crate::config::{Config, Env, LogFormat};

/// What libraries may say. Below these levels some of them write what crosses the wire, tokens and passwords
/// with it, so `RUST_LOG=trace` does not open them; only naming one of them does.
const LIBRARIES: &str = "sqlx=warn,hyper=warn,hyper_util=warn,h2=warn,rustls=warn,reqwest=warn,lettre=info,\
    tungstenite=info,tokio_tungstenite=info,tower=info,tower_http=info,axum=info,mio=info,\
    want=info,tokio_util=info,rustls_platform_verifier=warn,opentelemetry=warn,opentelemetry_sdk=warn,\
    opentelemetry_otlp=warn,opentelemetry_http=warn";

/// What passes the filter, for whatever layer is on top of it.
///
/// One filter for all layers, and none for each: sqlx asks whether it may speak, and then does not, which leaves filters
/// of single layers in a state in which they swallow the next record, whoever writes it.
type Passed = Layered<EnvFilter, Registry>;

/// Starts the log of a command. `filter` is `RUST_LOG`; without it `log.level` counts, and then `default`, as in
/// `warn`.
///
/// A second call changes nothing: the first log stays.
pub fn init(config: &Config, filter: Option<&str>, default: &str) {
    // The one way to fail is that a test harness has set up a log before.
    drop(passing(config, filter, default).with(log(config)).try_init());
}

/// As [`init`], and sends traces to `telemetry.otlp_endpoint` if there is one. To be called inside of the runtime.
///
/// # Errors
/// When the exporter cannot be built, as for a header that HTTP knows no such.
pub fn init_with_traces(config: &Config, filter: Option<&str>, default: &str) -> anyhow::Result<Traces> {
    let traces = Traces::new(&config.telemetry)?;
    let layers = passing(config, filter, default)
        .with(log(config))
        .with(traces.layer());
    drop(layers.try_init());
    Ok(traces)
}

/// What is written at all.
fn passing(config: &Config, filter: Option<&str>, default: &str) -> Passed {
    let wanted = filter.or(config.log.level.as_deref()).unwrap_or(default);
    let filter = EnvFilter::builder().parse_lossy(format!("{LIBRARIES},{wanted}"));
    tracing_subscriber::registry().with(filter)
}

/// The layer that writes to stderr.
fn log(config: &Config) -> Box<dyn Layer<Passed> + Send + Sync> {
    let log = tracing_subscriber::fmt::layer()
        .with_writer(|| escape::Escaped(std::io::stderr()))
        .with_ansi(false);
    let natural = match config.env {
        Env::Development => LogFormat::Text,
        Env::Production => LogFormat::Json,
    };
    match config.log.format.unwrap_or(natural) {
        LogFormat::Text => log.with_target(false).boxed(),
        LogFormat::Json => log.json().flatten_event(true).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t14_trace_for_everything_keeps_libraries_quiet() {
        let filter = EnvFilter::builder()
            .parse_lossy(format!("{LIBRARIES},trace"))
            .to_string();
        assert!(
            filter.contains("tungstenite=info") && filter.contains("lettre=info"),
            "{filter}"
        );
        let named = EnvFilter::builder()
            .parse_lossy(format!("{LIBRARIES},sqlx=debug"))
            .to_string();
        assert!(
            named.contains("sqlx=debug") && !named.contains("sqlx=warn"),
            "{named}"
        );
    }
}
