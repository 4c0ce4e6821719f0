//! The rules of the house, read from the source: calls run downward, and foreign crates stay in the
//! modules that wrap them. `docs/ARCHITECTURE.md` says why.

use std::collections::BTreeSet;

use crate::support::source::{Source, root, rust_files};

/// What each module may use of the crate. A module may always use itself.
const MAY_USE: &[(&str, &[&str])] = &[
    // primitives: no I/O
    ("clock", &[]),
    ("error", &[]),
    ("metric", &[]),
    ("email", &[]),
    ("line", &[]),
    ("jws", &[]),
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
            "store", "clock", "config", "email", "error", "ids", "line", "metric", "secret",
        ],
    ),
    (
        "providers",
        &[
            "clock", "config", "email", "error", "jws", "line", "metric", "secret",
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
    (
        "sessions",
        &[
            "audit", "context", "store", "hub", "mail", "limits", "password", "clock", "config", "email",
            "error", "ids", "jws", "metric", "secret",
        ],
    ),
    (
        "accounts",
        &[
            "sessions",
            "roles",
            "audit",
            "context",
            "store",
            "hub",
            "mail",
            "providers",
            "limits",
            "password",
            "clock",
            "config",
            "email",
            "error",
            "ids",
            "line",
            "metric",
            "secret",
        ],
    ),
    (
        "oauth",
        &[
            "accounts",
            "sessions",
            "audit",
            "context",
            "store",
            "providers",
            "limits",
            "clock",
            "config",
            "email",
            "error",
            "ids",
            "metric",
            "secret",
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
    ("jsonwebtoken", &["sessions", "providers"]),
    ("oauth2", &["providers"]),
    // The health check calls the hub itself.
    ("reqwest", &["providers", "cli", "telemetry"]),
    ("argon2", &["password"]),
    ("bcrypt", &["password"]),
    ("scrypt", &["password"]),
    ("zxcvbn", &["password"]),
    ("csv", &["cli"]),
    ("opentelemetry", &["telemetry", "http"]),
    ("opentelemetry_sdk", &["telemetry", "http"]),
    ("opentelemetry_http", &["telemetry", "http"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("tracing_opentelemetry", &["telemetry", "http"]),
    ("clap", &["cli", "main"]),
];

struct Module {
    file: Source,
    /// The top-level module that the file belongs to.
    name: String,
    /// The file without its tests and its comments.
    code: String,
}

fn modules() -> Vec<Module> {
    let found: Vec<Module> = rust_files("src").into_iter().map(Module::of).collect();
    assert!(found.len() > 50, "the source was found");
    found
}

impl Module {
    fn of(file: Source) -> Self {
        let inside = file.path.strip_prefix(root().join("src")).unwrap();
        let first = inside.components().next().unwrap().as_os_str();
        let name = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
        let lines = file.code().lines();
        let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        Self { file, name, code }
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
    for module in modules() {
        let used = names_after(&module.code, "crate::");
        let modules = used
            .iter()
            .filter(|name| name.chars().all(|c| c.is_lowercase() || c == '_'));
        for name in modules.filter(|name| **name != module.name) {
            let allowed = match MAY_USE.iter().find(|(user, _)| *user == module.name) {
                Some((_, allowed)) => allowed.contains(&name.as_str()),
                None => match EDGES.iter().find(|(user, _)| *user == module.name) {
                    Some((_, refused)) => !refused.contains(&name.as_str()),
                    None => true,
                },
            };
            if !allowed {
                faults.push(format!("{} uses {name}", module.file.path.display()));
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
    for module in modules() {
        for (name, homes) in WRAPPED {
            let named = names_after(&module.code, &format!("{name}::"));
            // `crate_name::` must begin a path: `portcullis_sqlx::` would be another crate.
            let begins = |at: usize| {
                !module.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
            };
            let really = module
                .code
                .match_indices(&format!("{name}::"))
                .any(|(at, _)| begins(at));
            if !named.is_empty() && really && !homes.contains(&module.name.as_str()) {
                faults.push(format!("{} uses {name}", module.file.path.display()));
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
    for module in modules() {
        assert!(
            known.contains(module.name.as_str()) || wiring.contains(&module.name.as_str()),
            "{}",
            module.name
        );
    }
}

#[test]
fn files_stay_small() {
    for module in modules() {
        let lines = module.file.text.lines().count();
        assert!(
            lines <= 420,
            "{} has {lines} lines: split it by what it decides",
            module.file.path.display()
        );
    }
}

#[test]
fn every_module_says_what_it_is() {
    for module in modules() {
        assert!(
            module.file.text.starts_with("//!"),
            "{} has no module documentation",
            module.file.path.display()
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
