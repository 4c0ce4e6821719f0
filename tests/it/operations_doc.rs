//! `docs/OPERATIONS.md` lists the metrics that there are, each with its kind, and the letters that an operator may word anew.

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

#[test]
fn the_letters_are_those_that_are_built_in() {
    let document = source::read("docs/OPERATIONS.md");
    let (_, after) = document.split_once("each letter: ").unwrap();
    let (list, _) = after.split_once("de/…").unwrap();
    let words = list.split([',', ' ', '\n']);
    let listed: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
    let code = source::read("src/mail/templates.rs");
    let (_, after) = code.split_once("const BUILT_IN").unwrap();
    let (built_in, _) = after.split_once("];").unwrap();
    let built_in = built_in.split("\"en/").skip(1);
    let letters = built_in.filter_map(|rest| Some(rest.split_once(".txt\",")?.0));
    // The first is the example, and `common` is no letter.
    let known: BTreeSet<&str> = letters
        .filter(|name| !["activation", "common"].contains(name))
        .collect();
    assert_eq!(listed, known, "the document, then the code");
}
