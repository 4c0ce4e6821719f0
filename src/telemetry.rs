//! Logs and metrics: set up once by the command line, before anything else runs.
//!
//! Logs go to stderr, one line an event: for people in development, as JSON in production. Metrics are
//! kept for Prometheus and served by [`serve_metrics`] on a listener of their own.

mod escape;
mod listener;

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::config::Env;
use crate::lifecycle::Lifecycle;
use crate::metric::{self, Kind, Metric, Series};

/// What libraries may say. Below these levels some of them write what crosses the wire, tokens and passwords
/// with it, so `RUST_LOG=trace` does not open them; only naming one of them does.
const LIBRARIES: &str = "sqlx=warn,hyper=warn,hyper_util=warn,h2=warn,rustls=warn,reqwest=warn,lettre=info,\
    tungstenite=info,tokio_tungstenite=info,tower=info,tower_http=info,axum=info,mio=info,\
    want=info,tokio_util=info,rustls_platform_verifier=warn";

/// How often measured durations are folded into their buckets, so that they do not pile up unread.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts the log. `filter` is the operator's (`RUST_LOG`), `default` stands in when there is none, as in `info`.
///
/// A second call changes nothing: the first log stays.
pub fn init(env: Env, filter: Option<&str>, default: &str) {
    let directives = format!("{LIBRARIES},{}", filter.unwrap_or(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::builder().parse_lossy(directives))
        .with_writer(|| escape::Escaped(std::io::stderr()))
        .with_ansi(false);
    let started = match env {
        Env::Development => log.with_target(false).try_init(),
        Env::Production => log.json().flatten_event(true).try_init(),
    };
    // The one way to fail is that a test harness has set up a log before.
    drop(started);
}

/// The recorder of `metrics` is one for the whole process, whoever holds it; its handle goes with it.
static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts counting, with every series at 0. Another call answers the handle of the first.
pub fn install_metrics() -> PrometheusHandle {
    let install = || {
        let recorder = recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("something else counts already: /metrics will stay empty");
        }
        describe();
        handle
    };
    HANDLE.get_or_init(install).clone()
}

/// Answers `GET /metrics` on `listener`, and folds measured durations into their buckets, until the server stops.
pub fn serve_metrics(listener: TcpListener, lifecycle: &Lifecycle) {
    let handle = install_metrics();
    lifecycle.spawn_job("metrics upkeep", keep_up(handle.clone(), lifecycle.clone()));
    lifecycle.spawn_job("metrics", listener::run(listener, handle, lifecycle.clone()));
}

async fn keep_up(handle: PrometheusHandle, lifecycle: Lifecycle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            () = lifecycle.stopped().cancelled() => return,
            _ = ticks.tick() => handle.run_upkeep(),
        }
    }
}

fn recorder() -> PrometheusRecorder {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    #[expect(clippy::expect_used, reason = "it refuses an empty list of buckets alone")]
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, metric::BUCKETS)
        .expect("there are buckets");
    builder.build_recorder()
}

fn describe() {
    for metric in metric::ALL {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, metric.help),
            Kind::Histogram => describe_histogram!(metric.name, metrics::Unit::Seconds, metric.help),
        }
        match metric.series {
            Series::One => begin(metric, &[]),
            Series::Each(label, values) => {
                for value in values {
                    begin(metric, &[(label, *value)]);
                }
            }
            Series::Later => {}
        }
    }
}

fn begin(metric: &Metric, labels: &[(&'static str, &'static str)]) {
    match metric.kind {
        Kind::Counter => counter!(metric.name, labels).increment(0),
        Kind::Gauge => gauge!(metric.name, labels).set(0.0),
        Kind::Histogram => drop(histogram!(metric.name, labels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_stands_at_zero_before_anything_happens() {
        let recorder = recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, describe);
        let text = handle.render();
        for line in [
            "portcullis_revocation_apply_seconds_count 0",
            "portcullis_revocation_apply_seconds_bucket{le=\"0.025\"} 0",
            "portcullis_password_hash_seconds_count 0",
            "portcullis_journal_lag 0",
            "portcullis_zombie_sockets 0",
            "portcullis_connections 0",
            "portcullis_lease_expired_total 0",
            "portcullis_close_total{code=\"4001\"} 0",
            "portcullis_close_total{code=\"4306\"} 0",
            "portcullis_sign_ins_total{outcome=\"ok\"} 0",
            "portcullis_bus_reconnects_total 0",
            "portcullis_bus_publish_failures_total 0",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line} is missing in\n{text}"
            );
        }
        for metric in metric::ALL
            .iter()
            .filter(|metric| !matches!(metric.series, Series::Later))
        {
            assert!(
                text.contains(&format!("# HELP {} ", metric.name)),
                "{}",
                metric.name
            );
        }
    }

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
