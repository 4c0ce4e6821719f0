//! `docs/OPERATIONS.md` lists the metrics that there are, each with its kind.

use std::collections::BTreeSet;

use portcullis::metric::{self, Kind};

use crate::support::source;

#[test]
fn the_metrics_are_those_of_the_code() {
    let document = source::read("docs/OPERATIONS.md");
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
