//! `docs/SECURITY.md` answers every threat once, `docs/ASVS.md` every requirement that applies. Both name proofs
//! that exist, and the first has the figures of the limits.

use std::path::Path;

use crate::support::source;

const THREATS: usize = 32;

fn document(name: &str) -> String {
    source::read(&format!("docs/{name}"))
}

/// The code and its tests.
fn code() -> String {
    let files = ["src", "tests"].map(source::rust_files);
    files.iter().flatten().map(|file| file.text.as_str()).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn each_threat_has_one_answer_and_each_proof_exists() {
    let document = document("SECURITY.md");
    let rows: Vec<_> = document
        .lines()
        .filter(|line| line.starts_with("| T"))
        .map(cells)
        .collect();
    let numbers: Vec<_> = rows.iter().map(|row| row[0].to_owned()).collect();
    let expected: Vec<_> = (1..=THREATS).map(|number| format!("T{number:02}")).collect();
    assert_eq!(numbers, expected);

    let code = code();
    for row in rows {
        let (number, state, how) = (row[0], row[2], row[3]);
        assert!(["met", "partly", "later"].contains(&state), "{number}: {state}");
        let proofs = tests_in(how, &code);
        assert!(state != "met" || proofs > 0, "{number} has no proof");
    }
}

/// How many tests a text names; each must exist.
fn tests_in(text: &str, code: &str) -> usize {
    let named = text.split('`').skip(1).step_by(2);
    let proofs = named.filter(|name| is_test_name(name));
    proofs
        .inspect(|proof| {
            let written = match proof.strip_suffix('…') {
                Some(prefix) => format!("fn {prefix}"),
                None => format!("fn {proof}("),
            };
            assert!(has_test(code, &written), "there is no test {proof}: {text}");
        })
        .count()
}

/// Those of ASVS 5.0.0 that apply, by level.
const REQUIREMENTS: [(&str, usize); 3] = [("L1", 47), ("L2", 109), ("L3", 31)];

#[test]
fn each_requirement_has_one_answer_and_each_proof_exists() {
    let (document, code) = (document("ASVS.md"), code());
    let lines = document
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| requirement"));
    let rows: Vec<_> = lines.map(cells).collect();
    let number = |row: &Vec<&str>| -> Vec<u32> {
        let number = row[0].split(' ').next().unwrap().split('.');
        number.map(|part| part.parse().unwrap()).collect()
    };
    let numbers: Vec<_> = rows.iter().map(number).collect();
    assert!(
        numbers.is_sorted_by(|one, next| one < next),
        "each once, and in order"
    );
    for (level, count) in REQUIREMENTS {
        assert_eq!(
            rows.iter().filter(|row| row[1] == level).count(),
            count,
            "{level}"
        );
    }
    let all: usize = REQUIREMENTS.iter().map(|(_, count)| count).sum();
    assert_eq!(rows.len(), all);
    for row in rows {
        let (about, answer) = (row[0], row[2]);
        let (state, reason) = answer.split_once(": ").unwrap_or((answer, ""));
        assert!(
            ["met", "partly", "deviation", "not yet"].contains(&state),
            "{about}: {state}"
        );
        let shown = tests_in(reason, &code) + files_in(reason) + reason.matches("](").count();
        let is_reason = reason.chars().any(char::is_alphabetic);
        assert!(state != "met" || shown > 0, "{about} is not shown");
        assert!(state == "not yet" || is_reason, "{about}: why?");
    }
}

/// How many files a text names; each must exist.
fn files_in(text: &str) -> usize {
    let named = text.split('`').skip(1).step_by(2);
    let folders = ["src/", "tests/", "client-js/"];
    let files = named.filter(|name| {
        let is_bare = Path::new(name).extension().is_some() && !name.contains('/');
        folders.iter().any(|folder| name.starts_with(folder))
            || (is_bare && source::root().join(name).exists())
    });
    files
        .inspect(|file| {
            assert!(
                source::root().join(file).is_file(),
                "there is no file {file}: {text}"
            );
        })
        .count()
}

/// Whether a test begins so: no helper of that name, and no mention of it.
fn has_test(code: &str, written: &str) -> bool {
    code.match_indices(written).any(|(at, _)| {
        let attribute = code[..at].rfind("#[").map_or("", |start| &code[start..at]);
        let marks = ["#[test]\n", "#[tokio::test]\n", "#[tokio::test("];
        marks.iter().any(|mark| attribute.starts_with(mark)) && attribute.lines().count() <= 4
    })
}

#[test]
fn a_helper_or_a_mention_is_no_proof() {
    let code = "#[test]\nfn t99_one() {}\n\n\n\n\nfn t99_two() {}\n// fn t99_three(\n#[derive(Debug)]\nfn t99_four() {}";
    assert!(has_test(code, "fn t99_one(") && has_test(code, "fn t99_"));
    for name in ["two", "three", "four", "five"] {
        assert!(!has_test(code, &format!("fn t99_{name}(")), "{name}");
    }
}

/// Names of tests are long and in snake case; names of settings and headers are not.
fn is_test_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_…".contains(c);
    name.chars().all(plain) && (name.ends_with("_…") || name.matches('_').count() > 3)
}

#[test]
fn the_limits_are_those_of_the_code() {
    let document = document("SECURITY.md");
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
