//! `docs/PROTOCOL.md` and the code say the same, in both directions: frames, reasons, codes, figures.

use std::collections::BTreeSet;

use portcullis::error::Code;
use portcullis::socket::CloseCode;
use portcullis::store::sessions::EndReason;

use crate::support::source::read;

type Words = BTreeSet<String>;

/// The document's part under `heading`, up to the next heading of its level or a higher one.
fn section(heading: &str) -> String {
    let document = read("docs/PROTOCOL.md");
    let (_, rest) = document
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no {heading}"));
    let level = heading.find(' ').unwrap();
    let ends = |line: &&str| line.starts_with('#') && line.find(' ').is_some_and(|found| found <= level);
    let lines: Vec<&str> = rest.lines().take_while(|line| !ends(line)).collect();
    lines.join("\n")
}

/// The cells of each row of the tables in `text`, their heads and lines left out.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |at: usize| {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        lines[at].starts_with("| ") && !next.starts_with("|---")
    };
    let cells = |line: &&str| {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect()
    };
    (0..lines.len())
        .filter(|at| is_row(*at))
        .map(|at| cells(&lines[at]))
        .collect()
}

fn column(rows: &[Vec<String>], at: usize) -> Words {
    rows.iter().map(|row| row[at].clone()).collect()
}

/// The variants of an enum in the source, in snake case, as serde writes them.
fn variants(path: &str, name: &str) -> Words {
    let source = read(path);
    let (_, body) = source.split_once(&format!("pub enum {name}")).unwrap();
    let body = body.split_once('{').unwrap().1;
    let body = body.split("\n}").next().unwrap();
    let names = body.lines().filter_map(|line| {
        let word = line.strip_prefix("    ")?;
        let starts = word.starts_with(|c: char| c.is_ascii_uppercase());
        let end = word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len());
        starts.then(|| snake(&word[..end]))
    });
    names.collect()
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

fn words(list: &[&str]) -> Words {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// The public codes that a source file names.
fn codes_in(path: &str) -> Words {
    let source = read(path);
    let named = |code: &&Code| {
        let name = format!("Code::{code:?}");
        let ends = |at: usize| !source[at + name.len()..].starts_with(char::is_alphanumeric);
        let alone = |at: usize| !source[..at].ends_with("Close") && ends(at);
        source.match_indices(&name).any(|(at, _)| alone(at))
    };
    Code::ALL
        .iter()
        .filter(named)
        .map(|code| code.as_str().to_owned())
        .collect()
}

fn headings(text: &str) -> Words {
    text.lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn close_codes_are_those_of_the_code() {
    let listed: Vec<(String, String)> = rows(&section("## Close codes"))
        .into_iter()
        .filter(|row| row.len() == 3)
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let known: Vec<(String, String)> = CloseCode::ALL
        .iter()
        .map(|code| (code.number().to_string(), code.text().to_owned()))
        .collect();
    assert_eq!(listed, known, "the document, then the code");
}

#[test]
fn frames_are_those_of_the_code() {
    let mut server = variants("src/socket/protocol.rs", "ServerFrame");
    assert!(read("src/hub/journal.rs").contains(r#""type": "event""#));
    server.insert("event".to_owned());
    assert_eq!(headings(&section("## What the server says")), server);
    let mut client = variants("src/socket/protocol.rs", "ClientFrame");
    assert!(client.remove("unknown"));
    assert_eq!(headings(&section("## What the client says")), client);
}

#[test]
fn reasons_and_events_are_those_of_the_code() {
    let states = column(&rows(&section("### `state`")), 0);
    assert_eq!(states, variants("src/store/journal.rs", "StateReason"));
    let ends = rows(&section("### `signed_out`"));
    assert_eq!(column(&ends, 0), variants("src/store/sessions.rs", "EndReason"));
    for row in &ends {
        let reason: EndReason = serde_json::from_value(row[0].as_str().into()).unwrap();
        let code = CloseCode::of_ending(reason).number().to_string();
        assert_eq!(row[1], code, "{}", row[0]);
    }
    let events = column(&rows(&section("### `event`")), 0);
    assert_eq!(events, words(&["session.created", "session.revoked"]));
    let source = read("src/hub/journal.rs");
    assert!(events.iter().all(|name| source.contains(&format!("\"{name}\""))));
}

#[test]
fn error_codes_are_those_of_the_code() {
    let frames = column(&rows(&section("### `error`")), 0);
    assert_eq!(frames, codes_in("src/socket/connection/answers.rs"));
    let refusals = rows(&section("## Opening"));
    assert_eq!(column(&refusals, 1), codes_in("src/socket/upgrade.rs"));
}

/// What the document says, and the line of the source that makes it so.
const FIGURES: &[(&str, &str, &str, &str)] = &[
    (
        "time for the hello",
        "5 s",
        "socket/hello.rs",
        "PATIENCE: Duration = Duration::from_secs(5)",
    ),
    (
        "a frame before ready",
        "4 KiB",
        "socket/protocol.rs",
        "MAX_HELLO: usize = 4 * 1024",
    ),
    (
        "a frame after it, fragments together",
        "8 KiB",
        "socket/protocol.rs",
        "MAX_FRAME: usize = 8 * 1024",
    ),
    (
        "everything from a client in 10 s, frames or not, else 4304",
        "256 KiB",
        "socket/meter.rs",
        "MOST: usize = 256 * 1024",
    ),
    (
        "frames of a client, but for pongs",
        "20 in 10 s",
        "socket/connection.rs",
        "frames: Pace::new(20, Duration::from_secs(10))",
    ),
    (
        "control frames and pongs of a client",
        "10 in 1 s",
        "socket/connection.rs",
        "controls: Pace::new(10, Duration::from_secs(1))",
    ),
    (
        "token frames",
        "10 in 60 s",
        "socket/connection.rs",
        "tokens: Pace::new(10, Duration::from_mins(1))",
    ),
    (
        "a ping every",
        "25 s",
        "socket/connection.rs",
        "PING_EVERY: Duration = Duration::from_secs(25)",
    ),
    (
        "silence after it",
        "10 s",
        "socket/connection.rs",
        "PONG_WITHIN: Duration = Duration::from_secs(10)",
    ),
    (
        "frames that may wait to be written",
        "32",
        "hub/outbox.rs",
        "MAX_FRAMES: usize = 32",
    ),
    (
        "bytes that they may take",
        "64 KiB",
        "hub/outbox.rs",
        "MAX_BYTES: usize = 64 * 1024",
    ),
    (
        "one write",
        "8 s",
        "socket/wire.rs",
        "WRITE: Duration = Duration::from_secs(8)",
    ),
    (
        "signed_out and its close, then the TCP connection is dropped",
        "1.8 s",
        "socket/wire.rs",
        "GOODBYE: Duration = Duration::from_millis(1_800)",
    ),
    (
        "access tokens are given out over one connection for",
        "12 h",
        "socket/connection.rs",
        "MINTS_FOR: Duration = Duration::from_hours(12)",
    ),
    (
        "back-off of a client, least",
        "500 ms",
        "socket/connection.rs",
        "min_ms: 500",
    ),
    (
        "back-off of a client, most",
        "20 s",
        "socket/connection.rs",
        "max_ms: 20_000",
    ),
    (
        "events can be resumed for",
        "10 min",
        "hub/opening.rs",
        "RESUME_WINDOW: Duration = Duration::from_mins(10)",
    ),
    (
        "events that can be resumed",
        "64",
        "hub/opening.rs",
        "RESUME_EVENTS: usize = 64",
    ),
];

#[test]
fn figures_are_those_of_the_code() {
    let listed: Vec<(String, String)> = rows(&section("## Figures"))
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let known: Vec<(String, String)> = FIGURES
        .iter()
        .map(|(what, figure, _, _)| ((*what).to_owned(), (*figure).to_owned()))
        .collect();
    assert_eq!(listed, known, "the document, then this test");
    for (what, _, path, line) in FIGURES {
        assert!(read(&format!("src/{path}")).contains(line), "{what}: {line}");
    }
}
