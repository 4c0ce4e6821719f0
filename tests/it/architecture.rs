//! The rules of the house, read from the source: calls run downward, and foreign crates stay in the
//! modules that wrap them. `docs/ARCHITECTURE.md` says why.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each module may use of the crate. A module may always use itself.
const MAY_USE: &[(&str, &[&str])] = &[
    // primitives: no I/O
    ("clock", &[]),
    ("error", &[]),
    ("metric", &[]),
    ("email", &[]),
    ("secret", &[]),
    ("ids", &["clock", "secret"]),
    ("config", &["secret", "email"]),
    // adapters: no rules
    ("store", PRIMITIVES),
    (
        "hub",
        &[
            "store", "clock", "config", "email", "error", "ids", "metric", "secret",
        ],
    ),
    (
        "mail",
        &[
            "store", "clock", "config", "email", "error", "ids", "metric", "secret",
        ],
    ),
    // what services are built from
    ("context", &["store", "hub", "mail", "clock", "config", "secret"]),
    // services: the rules
    ("password", PRIMITIVES),
    (
        "limits",
        &[
            "hub", "clock", "config", "email", "error", "ids", "metric", "secret",
        ],
    ),
    ("audit", &["context", "store", "error", "ids"]),
    ("roles", SERVICE_GROUND),
    (
        "service_keys",
        &[
            "roles", "audit", "context", "store", "hub", "mail", "limits", "password", "clock", "config",
            "email", "error", "ids", "metric", "secret",
        ],
    ),
    (
        "revocation",
        &[
            "roles", "sessions", "audit", "context", "store", "hub", "clock", "config", "error", "ids",
            "metric", "secret",
        ],
    ),
    ("sessions", SERVICE_GROUND),
    (
        "accounts",
        &[
            "sessions", "roles", "audit", "context", "store", "hub", "mail", "limits", "password", "clock",
            "config", "email", "error", "ids", "metric", "secret",
        ],
    ),
    ("lifecycle", &[]),
];

const PRIMITIVES: &[&str] = &["clock", "config", "email", "error", "ids", "metric", "secret"];
const SERVICE_GROUND: &[&str] = &[
    "audit", "context", "store", "hub", "mail", "limits", "password", "clock", "config", "email", "error",
    "ids", "metric", "secret",
];

/// The edges and the wiring may call what lies below, but not each other. `app` wires everything.
const EDGES: &[(&str, &[&str])] = &[
    ("http", &["cli", "jobs", "telemetry"]),
    ("socket", &["cli", "jobs", "telemetry"]),
    ("jobs", &["cli", "http", "socket", "telemetry", "app"]),
    (
        "telemetry",
        &[
            "cli", "http", "jobs", "socket", "app", "accounts", "sessions", "store", "hub",
        ],
    ),
];

/// Crates, and the modules that alone may name them.
const WRAPPED: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("redis", &["hub"]),
    ("lettre", &["mail"]),
    ("axum", &["http", "socket"]),
    ("tower_http", &["http"]),
    ("tokio_tungstenite", &["socket"]),
    ("jsonwebtoken", &["sessions"]),
    ("argon2", &["password"]),
    ("bcrypt", &["password"]),
    ("scrypt", &["password"]),
    ("zxcvbn", &["password"]),
    ("csv", &["cli"]),
    ("clap", &["cli", "main"]),
];

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 50, "the source was found");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let first = path.strip_prefix(root).unwrap().components().next().unwrap();
            let module = first
                .as_os_str()
                .to_str()
                .unwrap()
                .trim_end_matches(".rs")
                .to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.push(Source {
                path,
                module,
                text: lines.collect::<Vec<_>>().join("\n"),
            });
        }
    }
}

/// The words that follow `prefix` in `text`, where `prefix` begins a path. `use crate::{a, b}` counts for both.
fn names_after(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        let rest = &text[at + prefix.len()..];
        let list = match rest.strip_prefix('{') {
            Some(group) => top_level(group),
            None => vec![rest],
        };
        for item in list {
            let word: String = item
                .trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            names.insert(word);
        }
    }
    names.remove("");
    names
}

/// The items of a `{…}` group that stand at its top level.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&group[start..at]);
                return items;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items
}

#[test]
fn calls_run_downward() {
    let mut faults = Vec::new();
    for source in sources() {
        let used = names_after(&source.text, "crate::");
        let modules = used
            .iter()
            .filter(|name| name.chars().all(|c| c.is_lowercase() || c == '_'));
        for name in modules.filter(|name| **name != source.module) {
            let allowed = match MAY_USE.iter().find(|(module, _)| *module == source.module) {
                Some((_, allowed)) => allowed.contains(&name.as_str()),
                None => match EDGES.iter().find(|(module, _)| *module == source.module) {
                    Some((_, refused)) => !refused.contains(&name.as_str()),
                    None => true,
                },
            };
            if !allowed {
                faults.push(format!("{} uses {name}", source.path.display()));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "calls that run upward or sideways:\n{}",
        faults.join("\n")
    );
}

#[test]
fn foreign_crates_stay_where_they_are_wrapped() {
    let mut faults = Vec::new();
    for source in sources() {
        for (name, homes) in WRAPPED {
            let named = names_after(&source.text, &format!("{name}::"));
            // `crate_name::` must begin a path: `portcullis_sqlx::` would be another crate.
            let begins = |at: usize| {
                !source.text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
            };
            let really = source
                .text
                .match_indices(&format!("{name}::"))
                .any(|(at, _)| begins(at));
            if !named.is_empty() && really && !homes.contains(&source.module.as_str()) {
                faults.push(format!("{} uses {name}", source.path.display()));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "crates outside of their modules:\n{}",
        faults.join("\n")
    );
}

#[test]
fn every_module_of_the_crate_is_known_to_the_rules() {
    let known: BTreeSet<&str> = MAY_USE.iter().chain(EDGES).map(|(module, _)| *module).collect();
    let wiring = ["main", "lib", "app", "cli"];
    for source in sources() {
        assert!(
            known.contains(source.module.as_str()) || wiring.contains(&source.module.as_str()),
            "{}",
            source.module
        );
    }
}

#[test]
fn files_stay_small() {
    for source in sources() {
        let lines = std::fs::read_to_string(&source.path).unwrap().lines().count();
        assert!(
            lines <= 420,
            "{} has {lines} lines: split it by what it decides",
            source.path.display()
        );
    }
}

#[test]
fn every_module_says_what_it_is() {
    for source in sources() {
        let text = std::fs::read_to_string(&source.path).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} has no module documentation",
            source.path.display()
        );
    }
}

#[test]
fn the_rules_can_fail() {
    assert_eq!(
        names_after("use crate::{store::users, hub};", "crate::"),
        ["hub", "store"].map(String::from).into()
    );
    assert_eq!(
        names_after("let x = crate::http::serve();", "crate::"),
        ["http".to_owned()].into()
    );
}
