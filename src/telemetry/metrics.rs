//! Metrics: one recorder for the process, every series at 0 from the start, and the page that Prometheus reads.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::net::TcpListener;

use super::listener;
use crate::lifecycle::Lifecycle;
use crate::metric::{self, Kind, Metric, Series};

/// How often measured durations are folded into their buckets, so that they do not pile up unread.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder of `metrics` is one for the whole process, whoever holds it; its handle goes with it.
static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts counting, with every series at 0. Another call answers the handle of the first.
pub fn install() -> PrometheusHandle {
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

/// Answers `GET /metrics` on `listener`, having called `look` for what is only measured then, and folds measured durations into their buckets, until the server stops.
pub fn serve(listener: TcpListener, look: impl Fn() + Send + Sync + 'static, lifecycle: &Lifecycle) {
    let handle = install();
    lifecycle.spawn_job("metrics upkeep", keep_up(handle.clone(), lifecycle.clone()));
    lifecycle.spawn_job(
        "metrics",
        listener::run(
            listener,
            Arc::new(move || {
                look();
                handle.render()
            }),
            lifecycle.clone(),
        ),
    );
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
}
