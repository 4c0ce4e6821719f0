//! `docs/OPERATIONS.md` lists the metrics that there are, each with its kind.

use std::collections::BTreeSet;
use std::path::Path;

use portcullis::metric::{self, Kind};

#[test]
fn the_metrics_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/OPERATIONS.md");
    let document = std::fs::read_to_string(path).unwrap();
    let rows = document.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| `portcullis_")?.split_once("` | ")?;
        let kind = rest.split(" |").next()?;
        Some((format!("portcullis_{name}"), kind.to_owned()))
    });
    let listed: BTreeSet<(String, String)> = rows.collect();
    let kind = |kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let known: BTreeSet<(String, String)> = metric::ALL
        .iter()
        .map(|metric| (metric.name.to_owned(), kind(metric.kind).to_owned()))
        .collect();
    assert_eq!(listed, known, "the document, then the code");
}
