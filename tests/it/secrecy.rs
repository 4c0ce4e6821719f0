//! T14: a whole run, as talkative as it can be, tells no secret that it used: not in its log, its metrics or its traces,
//! not in its database, and not in Redis.
//!
//! `life` uses the product and notes every secret, `forms` knows in which forms one could be told, `places` reads where.

mod forms;
mod life;
mod places;

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::support::binary::Installation;
use crate::support::collector::Collector;
use crate::support::free_address;
use crate::support::http::Caller;
use crate::support::redis;
use crate::support::smtp::SmtpSink;

use forms::forms;
use life::Secrets;

const MASTER: &str = "canary-master secret for the run, 0123456789 and more";
const PEPPER: &str = "canary-pepper-0123456789-0123456789-0123456789";
const SMTP: &str = "canary-smtp-0123456789-password";
const COLLECTOR: &str = "canary-collector-0123456789-token";

/// What was written, and where.
struct Place {
    name: &'static str,
    bytes: Vec<u8>,
    /// What shows that it was read: something that is there in every run.
    sign: &'static str,
}

/// The first of `secrets` of which a form is in `bytes`. One look at each byte, however many there are.
fn told<'a>(bytes: &[u8], secrets: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut begins: HashMap<[u8; 8], Vec<(&str, Vec<u8>)>> = HashMap::new();
    for secret in secrets {
        for form in forms(secret) {
            let begin = form[..8].try_into().unwrap();
            begins.entry(begin).or_default().push((secret, form));
        }
    }
    let mut windows = bytes.windows(8).enumerate();
    windows.find_map(|(at, window)| {
        let begin: [u8; 8] = window.try_into().unwrap();
        let mut here = begins.get(&begin)?.iter();
        here.find_map(|(secret, form)| bytes[at..].starts_with(form).then_some(*secret))
    })
}

/// A hub that uses everything there is, and says as much as it can.
async fn talkative(
    sink: &SmtpSink,
    collector: &Collector,
    metrics: SocketAddr,
    (redis, prefix): (&str, &str),
) -> Installation {
    let mut installation = Installation::new().await;
    for (name, value) in [
        ("RUST_LOG", "trace"),
        ("PORTCULLIS_LOG__FORMAT", "json"),
        ("PORTCULLIS_SECRETS__MASTER", MASTER),
        ("PORTCULLIS_PASSWORDS__PEPPERS", &format!("2026a:{PEPPER}")),
        ("PORTCULLIS_METRICS__LISTEN", &metrics.to_string()),
        ("PORTCULLIS_MAIL__TRANSPORT", "smtp"),
        (
            "PORTCULLIS_MAIL__SMTP_URL",
            &format!("smtp://canary:{SMTP}@{}", sink.address),
        ),
        ("PORTCULLIS_TELEMETRY__OTLP_ENDPOINT", &collector.url()),
        (
            "PORTCULLIS_TELEMETRY__OTLP_HEADERS",
            &format!("authorization=Bearer {COLLECTOR}"),
        ),
        ("REDIS_URL", redis),
        ("PORTCULLIS_REDIS__PREFIX", prefix),
        // A used refresh token is a stolen one, at once.
        ("PORTCULLIS_TOKENS__REFRESH_GRACE", "0"),
        ("PORTCULLIS_HUB__DRAIN", "0.1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ] {
        installation.set(name, value);
    }
    installation
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t14_a_run_at_trace_tells_no_secret_that_it_used() {
    let (sink, collector, metrics) = (
        SmtpSink::start().await,
        Collector::start().await,
        free_address().await,
    );
    let (redis, prefix) = (redis::shared(), redis::fresh_prefix());
    let installation = talkative(&sink, &collector, metrics, (&redis, &prefix)).await;
    let log = installation.folder.path().join("log");
    let mut server = installation.serve_logging_to(&log).await;
    let mut secrets = Secrets::default();
    for secret in [MASTER, PEPPER, SMTP, COLLECTOR] {
        secrets.keep(secret);
    }
    for url in [redis.as_str(), installation.database_url()] {
        secrets.keep_password_of(url);
    }
    life::live(&installation, &server, &sink, &mut secrets).await;
    let counted = Caller::new(metrics).get("/metrics").await.expect(200);
    let shared = places::redis(&prefix).await;
    assert_eq!(server.end().await, 0);

    let traces = collector.batches().into_iter().flat_map(|batch| batch.body);
    let read = [
        Place {
            name: "the log",
            bytes: std::fs::read(&log).unwrap(),
            sign: "/api/auth/recovery/{token}",
        },
        Place {
            name: "the metrics",
            bytes: counted.bytes,
            sign: "/api/auth/recovery/{token}",
        },
        Place {
            name: "the traces",
            bytes: traces.collect(),
            sign: "/api/auth/recovery/{token}",
        },
        Place {
            name: "the database",
            bytes: places::database(installation.database_url()).await,
            sign: "session.create",
        },
        Place {
            name: "Redis",
            bytes: shared,
            sign: ":limit:",
        },
    ];
    assert!(
        secrets.all().len() > 40,
        "{} secrets were used",
        secrets.all().len()
    );
    for place in &read {
        let text = String::from_utf8_lossy(&place.bytes);
        assert!(text.contains(place.sign), "{} was read", place.name);
        let secret = told(&place.bytes, secrets.all().iter().map(String::as_str));
        assert_eq!(secret, None, "it is in {}", place.name);
    }
    let lines = String::from_utf8(read[0].bytes.clone()).unwrap();
    let mut answered = 0;
    for line in lines.lines() {
        let record: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(record["level"].is_string(), "{line}");
        if record["message"] == "answered" {
            assert!(record["span"]["request_id"].is_string(), "{line}");
            answered += 1;
        }
    }
    assert!(answered > 60, "no record is lost: {answered}");
}
