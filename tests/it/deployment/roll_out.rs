//! `deploy/roll-out`, with a `docker` that only notes what it was asked for, and fails where the test says.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use tokio::process::Command;

use crate::support::database::Folder;
use crate::support::source::root;

const DOCKER: &str = r#"#!/usr/bin/env bash
echo "${HUB_IMAGE:--} $*" >>"$NOTES"
[[ -z ${FAILS:-} ]] || ! [[ "$HUB_IMAGE $*" =~ $FAILS ]]
"#;

/// A machine with the files of a deployment, whose hubs run `hub:1`.
struct Machine(Folder);

impl Machine {
    fn new() -> Self {
        let machine = Self(Folder::new());
        let place = machine.0.path();
        for folder in ["deploy", "bin"] {
            std::fs::create_dir(place.join(folder)).unwrap();
        }
        std::fs::copy(root().join("deploy/roll-out"), place.join("deploy/roll-out")).unwrap();
        std::fs::write(place.join("bin/docker"), DOCKER).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(place.join("bin/docker"), mode).unwrap();
        std::fs::write(place.join(".env"), "RUST_LOG=info\nHUB_IMAGE=hub:1\n").unwrap();
        std::fs::set_permissions(place.join(".env"), std::fs::Permissions::from_mode(0o640)).unwrap();
        machine
    }

    /// Runs the script; whatever fits `fails` fails.
    async fn roll_out(&self, image: &str, fails: &str) -> Output {
        let place = self.0.path();
        let path = format!(
            "{}:{}",
            place.join("bin").display(),
            std::env::var("PATH").unwrap()
        );
        let mut script = Command::new(place.join("deploy/roll-out"));
        script
            .arg(image)
            .env("PATH", path)
            .env("NOTES", place.join("notes"))
            .env("FAILS", fails);
        script
            .env_remove("HUB_IMAGE")
            .kill_on_drop(true)
            .output()
            .await
            .unwrap()
    }

    /// What was asked of docker, without what every line has.
    fn asked(&self) -> Vec<String> {
        let notes = std::fs::read_to_string(self.0.path().join("notes")).unwrap();
        let notes = notes.replace(" compose --file docker-compose.prod.yml", "");
        let notes = notes.replace(" --detach --no-deps --wait --wait-timeout 120", "");
        notes.lines().map(str::to_owned).collect()
    }

    fn image(&self) -> String {
        let text = std::fs::read_to_string(self.0.path().join(".env")).unwrap();
        assert!(text.contains("RUST_LOG=info\n"), "{text}");
        text.lines()
            .find_map(|line| line.strip_prefix("HUB_IMAGE="))
            .unwrap()
            .to_owned()
    }
}

const READY: &str = "portcullis healthcheck http://127.0.0.1:8080/readyz";

#[tokio::test]
async fn one_hub_after_the_other_is_replaced() {
    let machine = Machine::new();
    let done = machine.roll_out("hub:2", "").await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let expected = [
        "- image inspect hub:2".to_owned(),
        "hub:2 run --rm --no-deps migrate config check".to_owned(),
        "hub:2 run --rm migrate".to_owned(),
        "hub:2 up hub-1".to_owned(),
        format!("hub:2 exec -T hub-1 {READY}"),
        "hub:2 up hub-2".to_owned(),
        format!("hub:2 exec -T hub-2 {READY}"),
        "hub:2 up --detach --wait --no-recreate nginx".to_owned(),
        "hub:2 exec -T nginx nginx -t -q".to_owned(),
        "hub:2 exec -T nginx nginx -s reload".to_owned(),
    ];
    assert_eq!(machine.asked(), expected);
    assert_eq!(machine.image(), "hub:2");
    let mode = std::fs::metadata(machine.0.path().join(".env"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[tokio::test]
async fn a_hub_that_does_not_become_ready_takes_all_back() {
    for (fails, back) in [
        ("hub:2 .* hub-1$", &["hub-1"][..]),
        ("hub:2 .* hub-2 .*readyz", &["hub-2", "hub-1"][..]),
    ] {
        let machine = Machine::new();
        let done = machine.roll_out("hub:2", fails).await;
        assert_eq!(done.status.code(), Some(1), "{fails}");
        let asked = machine.asked();
        let restored: Vec<&str> = asked
            .iter()
            .filter_map(|line| line.strip_prefix("hub:1 up "))
            .collect();
        assert_eq!(restored, back, "{fails}: {asked:?}");
        let forward = asked.iter().filter(|line| line.starts_with("hub:2 up hub-"));
        assert_eq!(
            forward.count(),
            back.len(),
            "no further hub is touched: {asked:?}"
        );
        assert!(!asked.iter().any(|line| line.contains("reload")), "{asked:?}");
        assert_eq!(machine.image(), "hub:1");
    }
}

#[tokio::test]
async fn nothing_is_touched_when_the_image_does_not_take_the_configuration_or_cannot_migrate() {
    for fails in ["config check", "migrate$"] {
        let machine = Machine::new();
        let done = machine.roll_out("hub:2", fails).await;
        assert!(!done.status.success());
        let asked = machine.asked();
        assert!(
            !asked.iter().any(|line| line.contains(" up ")),
            "{fails}: {asked:?}"
        );
        assert_eq!(machine.image(), "hub:1");
    }
}
