//! `docs/SECURITY.md` answers every threat once, names proofs that exist, and has the figures of the limits.

use std::path::Path;

const THREATS: usize = 32;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> String {
    std::fs::read_to_string(root().join("docs/SECURITY.md")).unwrap()
}

/// The text of every Rust file below `folder`.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *text += &std::fs::read_to_string(&path).unwrap();
        }
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn each_threat_has_one_answer_and_each_proof_exists() {
    let document = document();
    let rows: Vec<_> = document
        .lines()
        .filter(|line| line.starts_with("| T"))
        .map(cells)
        .collect();
    let numbers: Vec<_> = rows.iter().map(|row| row[0].to_owned()).collect();
    let expected: Vec<_> = (1..=THREATS).map(|number| format!("T{number:02}")).collect();
    assert_eq!(numbers, expected);

    let mut code = String::new();
    for folder in ["src", "tests"] {
        sources(&root().join(folder), &mut code);
    }
    for row in rows {
        let (number, state, how) = (row[0], row[2], row[3]);
        assert!(["met", "partly", "later"].contains(&state), "{number}: {state}");
        let named = how.split('`').skip(1).step_by(2);
        let proofs: Vec<_> = named.filter(|name| is_test_name(name)).collect();
        assert!(state != "met" || !proofs.is_empty(), "{number} has no proof");
        for proof in proofs {
            let written = match proof.strip_suffix('…') {
                Some(prefix) => format!("fn {prefix}"),
                None => format!("fn {proof}("),
            };
            assert!(code.contains(&written), "{number}: there is no test {proof}");
        }
    }
}

/// Names of tests are long and in snake case; names of settings and headers are not.
fn is_test_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_…".contains(c);
    name.chars().all(plain) && (name.ends_with("_…") || name.matches('_').count() > 3)
}

#[test]
fn the_limits_are_those_of_the_code() {
    let document = document();
    let section = document.split("\n## Limits\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let listed: Vec<(String, [String; 3])> = rows
        .map(|line| {
            let row = cells(line);
            let (count, seconds) = row[3].split_once(" in ").unwrap();
            let figures = [row[2], count, seconds.trim_end_matches(" s")];
            (row[0].trim_matches('`').to_owned(), figures.map(str::to_owned))
        })
        .collect();
    let figures = portcullis::limits::figures(&portcullis::config::Limits::default());
    let known: Vec<_> = figures
        .into_iter()
        .map(|(name, burst, count, seconds)| {
            (
                name.to_owned(),
                [burst, count, seconds].map(|figure| figure.to_string()),
            )
        })
        .collect();
    assert_eq!(listed, known, "the document, then the code");
}
