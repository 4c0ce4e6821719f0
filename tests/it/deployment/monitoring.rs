//! Prometheus takes the rules and the page of a running hub, and what rules and dashboard ask for is there.

use std::collections::BTreeSet;

use portcullis::metric::{self, Kind};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::ask;
use crate::support::binary::Installation;
use crate::support::free_address;
use crate::support::http::Caller;
use crate::support::source::{read, root};

#[tokio::test]
async fn promtool_takes_the_rules_and_they_fire_when_they_should() {
    ask("promtool", &["check", "rules", "deploy/grafana/alerts.yml"]).await;
    ask("promtool", &["test", "rules", "deploy/grafana/alerts.test.yml"]).await;
}

#[tokio::test]
async fn promtool_takes_the_page_of_a_running_hub() {
    let mut installation = Installation::new().await;
    let address = free_address().await;
    installation.set("PORTCULLIS_METRICS__LISTEN", &address.to_string());
    let server = installation.serve().await;
    server.caller.get("/healthz").await.expect(200);
    let page = Caller::new(address).get("/metrics").await.expect(200);
    let mut promtool = tokio::process::Command::new("promtool")
        .args(["check", "metrics", "--extended"])
        .current_dir(root())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(&page.bytes).await.unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // What the rules compare with is a bound of the histogram as the page writes it.
    let bound = "portcullis_revocation_apply_seconds_bucket{le=\"2\"}";
    assert!(page.text().contains(bound) && read("deploy/grafana/alerts.yml").contains("_bucket{le=\"2\"}"));
}

/// Every metric of ours that a text names, as in a query.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("portcullis_"))
        .map(str::to_owned)
        .collect()
}

/// The names of the series that a hub has.
fn series() -> BTreeSet<String> {
    let names = metric::ALL.iter().flat_map(|metric| match metric.kind {
        Kind::Histogram => ["_bucket", "_sum", "_count"]
            .map(|end| format!("{}{end}", metric.name))
            .to_vec(),
        Kind::Counter | Kind::Gauge => vec![metric.name.to_owned()],
    });
    names.collect()
}

/// Every query of the dashboard.
fn queries(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(text) if name == "expr" => vec![text.as_str()],
                value => queries(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(queries).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn rules_and_dashboard_ask_for_what_there_is() {
    let known = series();
    let unknown: Vec<String> = named(&read("deploy/grafana/alerts.yml"))
        .difference(&known)
        .cloned()
        .collect();
    assert!(unknown.is_empty(), "alerts.yml: {unknown:?}");
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/dashboard.json")).unwrap();
    let asked = named(&queries(&dashboard).join("\n"));
    let unknown: Vec<&String> = asked.difference(&known).collect();
    assert!(unknown.is_empty(), "dashboard.json: {unknown:?}");
    // Nothing that is measured is out of sight.
    let unseen: Vec<&str> = metric::ALL
        .iter()
        .map(|metric| metric.name)
        .filter(|name| !asked.iter().any(|series| series.starts_with(name)))
        .collect();
    assert!(unseen.is_empty(), "not on the dashboard: {unseen:?}");
}

/// What the document calls worth an alarm has one.
#[test]
fn every_alarm_of_the_document_is_a_rule() {
    let document = read("docs/OPERATIONS.md");
    let paragraph = document
        .split("\n\n")
        .find(|text| text.starts_with("Worth an alarm:"))
        .unwrap();
    let rules = named(&read("deploy/grafana/alerts.yml"));
    // (A rule asks for the buckets of a histogram.)
    let has_rule = |name: &String| rules.iter().any(|series| series.starts_with(name.as_str()));
    let missing: Vec<String> = named(paragraph)
        .into_iter()
        .filter(|name| !has_rule(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
