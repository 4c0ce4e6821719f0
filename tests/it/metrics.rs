//! `/metrics`: on a listener of its own, each series there from the start, at 0.

use portcullis::metric::{self, CLOSE_CODES};

use crate::support::binary::Installation;
use crate::support::database::is_postgres;
use crate::support::free_address;
use crate::support::http::Caller;
use crate::support::people::PASSWORD;
use crate::support::provider::{Browser, ProviderServer};

/// The value of a series, as it stands in the text.
fn value<'a>(text: &'a str, series: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    lines.find(|(name, _)| *name == series).map(|(_, value)| value)
}

#[tokio::test]
async fn every_metric_of_the_contract_is_there_from_the_start_and_counts() {
    let mut installation = Installation::new().await;
    let address = free_address().await;
    installation.set("PORTCULLIS_METRICS__LISTEN", &address.to_string());
    let server = installation.serve().await;
    let metrics = Caller::new(address);
    let page = metrics.get("/metrics").await.expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/plain"));
    let text = page.text();
    for series in [
        "portcullis_revocation_apply_seconds_count",
        "portcullis_revocation_apply_seconds_sum",
        "portcullis_journal_lag",
        "portcullis_zombie_sockets",
        "portcullis_lease_expired_total",
        "portcullis_bus_reconnects_total",
        "portcullis_bus_publish_failures_total",
        "portcullis_connections",
        "portcullis_mails_total{outcome=\"given_up\"}",
        "portcullis_mail_lag",
        "portcullis_panics_total",
        "portcullis_refreshes_total{outcome=\"refresh_reused\"}",
        "portcullis_passwords_waiting",
        "portcullis_http_requests_total{method=\"POST\",route=\"/api/auth\",status=\"401\"}",
        "portcullis_http_requests_total{method=\"GET\",route=\"/activate/{token}\",status=\"200\"}",
        "portcullis_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"}",
        "portcullis_http_request_seconds_count{method=\"GET\",route=\"/ws\"}",
        "portcullis_sign_ins_total{outcome=\"invalid_credentials\"}",
    ] {
        assert_eq!(value(text, series), Some("0"), "{series}");
    }
    for code in CLOSE_CODES {
        let series = format!("portcullis_close_total{{code=\"{code}\"}}");
        assert_eq!(value(text, &series), Some("0"), "{series}");
    }
    for metric in metric::ALL {
        for kind in ["HELP", "TYPE"] {
            let line = format!("# {kind} {} ", metric.name);
            assert!(text.contains(&line), "no {line}");
        }
    }
    let pool = if is_postgres() { "requests" } else { "writer" };
    let above_zero = [
        &format!("portcullis_database_connections{{pool=\"{pool}\"}}"),
        "portcullis_bus_up",
        "portcullis_lease_left_seconds",
        "portcullis_connections_max",
        "portcullis_open_files",
        "portcullis_open_files_max",
        "portcullis_resident_bytes",
        "portcullis_start_time_seconds",
        &format!(
            "portcullis_build_info{{version=\"{}\"}}",
            env!("CARGO_PKG_VERSION")
        ),
    ];
    for series in above_zero {
        let number: f64 = value(text, series).expect(series).parse().unwrap();
        assert!(number > 0.0, "{series} is looked at");
    }
    assert!(text.lines().count() < 4_000, "{} lines", text.lines().count());
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        assert!(line.starts_with("portcullis_"), "{line}");
    }

    // What happens is counted; addresses and ids are not in it.
    let hub = &server.caller;
    hub.try_sign_in("ada@example.org", PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    hub.get("/activate/canary-token").await.expect(200);
    hub.get("/canary-path").await.expect(404);
    hub.call("BREW", "/api/users", None, None).await.expect(405);
    hub.try_refresh("pcr_canary").await.problem(401, "invalid_token");
    let page = metrics.get("/metrics").await.expect(200);
    let text = page.text();
    let failed = "portcullis_sign_ins_total{outcome=\"invalid_credentials\"}";
    assert_eq!(value(text, failed), Some("1"));
    let refused = "portcullis_refreshes_total{outcome=\"invalid_token\"}";
    assert_eq!(value(text, refused), Some("1"));
    let waited = value(text, "portcullis_database_wait_seconds_count").unwrap();
    assert_ne!(waited, "0", "connections were waited for");
    assert_eq!(value(text, "portcullis_password_hash_seconds_count"), Some("1"));
    for series in [
        "{method=\"POST\",route=\"/api/auth\",status=\"401\"}",
        "{method=\"GET\",route=\"/activate/{token}\",status=\"200\"}",
        "{method=\"GET\",route=\"unmatched\",status=\"404\"}",
        "{method=\"other\",route=\"/api/users\",status=\"405\"}",
    ] {
        let series = format!("portcullis_http_requests_total{series}");
        assert_eq!(value(text, &series), Some("1"), "{series}\n{text}");
    }
    assert!(!text.contains("canary") && !text.contains("example.org") && !text.contains("BREW"));

    // Only there, and only that.
    hub.get("/metrics").await.problem(404, "not_found");
    metrics.get("/api/users").await.expect(404);
    metrics.call("POST", "/metrics", None, None).await.expect(405);
}

#[tokio::test]
async fn sign_ins_with_providers_are_counted_by_how_they_end() {
    let acme = ProviderServer::of_ada().await;
    let mut installation = Installation::new().await;
    let address = free_address().await;
    installation.set("PORTCULLIS_METRICS__LISTEN", &address.to_string());
    for (name, value) in acme.variables("ACME") {
        installation.set(&name, &value);
    }
    let server = installation.serve().await;
    let mut browser = Browser::at(&server.caller);
    let pair = browser.sign_in("acme").await;
    acme.misbehave("access_denied").await;
    browser.refusal("acme").await;
    // A link that is refused is no sign-in.
    browser.link_through(&pair.access, "acme").await;
    acme.misbehave("nonce_wrong").await;
    browser.refusal("acme").await;
    browser.exchange("pco_of_nobody").await.expect(410);
    let page = Caller::new(address).get("/metrics").await.expect(200);
    let text = page.text();
    let counted = metric::SIGN_IN_OUTCOMES.iter().filter_map(|outcome| {
        let series = format!("portcullis_sign_ins_total{{outcome=\"{outcome}\"}}");
        let count = value(text, &series).unwrap();
        (count != "0").then(|| format!("{count} {outcome}"))
    });
    assert_eq!(
        counted.collect::<Vec<_>>(),
        ["1 ok", "1 access_denied", "1 provider_refused", "1 token_spent"]
    );
}
