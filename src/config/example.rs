//! Proofs that `config.example.toml` and `.env.example` tell the truth.

use std::path::{Path, PathBuf};

use super::keys::key_of;
use super::{Config, Environment, Source};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn the_example_holds_every_key_with_its_default() {
    let example = path("config.example.toml");
    let loaded = Config::from_sources(Some(&example), &Environment::default()).unwrap();
    assert_eq!(
        format!("{:#?}", loaded.config),
        format!("{:#?}", Config::for_development())
    );
    for shown in loaded.shown {
        let source = Source::File(example.clone());
        assert_eq!(
            shown.source, source,
            "{} is not in config.example.toml",
            shown.key
        );
    }
}

#[test]
fn the_example_says_of_every_key_what_it_means() {
    let text = std::fs::read_to_string(path("config.example.toml")).unwrap();
    let mut before = "";
    for line in text.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(before.starts_with("# "), "no meaning above `{line}`");
        }
        before = line;
    }
}

#[test]
fn every_variable_of_the_deployment_example_is_known() {
    let text = std::fs::read_to_string(path(".env.example")).unwrap();
    // `HUB_IMAGE` is Compose's, which the hub never sees.
    let others = ["DATABASE_URL", "REDIS_URL", "RUST_LOG", "HUB_IMAGE"];
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut names = 0;
    for line in lines {
        let (name, _) = line.split_once('=').unwrap();
        let plain = name.strip_suffix("_FILE").unwrap_or(name);
        assert!(
            key_of(plain).is_some() || others.contains(&plain),
            "unknown variable {name}"
        );
        names += 1;
    }
    assert!(names > 5);
}
