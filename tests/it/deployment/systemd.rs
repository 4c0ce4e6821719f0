//! The unit, and what makes it ready and calls its command line. What systemd itself does with them was tried by hand, as
//! the head of the unit says, in containers of Debian 12 and 13.

use std::os::unix::fs::PermissionsExt;

use tokio::process::Command;

use super::settings::{check, lines};
use super::{ask, run};
use crate::support::database::Folder;
use crate::support::source::{read, root};

const UNIT: &str = "deploy/systemd/portcullis.service";
/// Where the hub finds the file NAME of /etc/portcullis/secrets, before NAME.
const SECRET: &str = "/run/credentials/portcullis.service/secret_";

/// Answers `systemctl cat` with the unit and a drop-in.
const SYSTEMCTL: &str = r#"#!/usr/bin/env bash
[[ "$*" == "cat portcullis.service" ]] || exit 1
cat "$UNIT"
printf '\n# /etc/systemd/system/portcullis.service.d/override.conf\n[Service]\nEnvironment=A=b \\\n  C=d\nExecStartPre=\n'
"#;
/// Says what it was asked for, an argument on a line.
const SYSTEMD_RUN: &str = r#"#!/usr/bin/env bash
printf '%s\n' "$@"
"#;

#[tokio::test]
async fn systemd_takes_the_unit() {
    let output = run("systemd-analyze", &["verify", "--man=no", UNIT]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    // The program is not installed here; nothing else may be wrong.
    let faults: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("portcullis.service") && !line.contains("/usr/local/bin/portcullis"))
        .collect();
    assert!(faults.is_empty(), "{said}");
    assert!(
        said.contains("/usr/local/bin/portcullis") || output.status.success(),
        "it was read: {said}"
    );
}

#[tokio::test]
async fn the_hub_takes_what_the_unit_tells_it() {
    let folder = Folder::new();
    let place = folder.path().join("secrets");
    let arguments = ["--systemd", place.to_str().unwrap()];
    let asked = [
        ("smtp_url", "smtps://hub:secret@mail.example.org"),
        ("database_url", "postgres://hub:secret@127.0.0.1/portcullis"),
        ("redis_url", "redis://127.0.0.1:6379"),
    ];
    let left = ask("deploy/make-secrets", &arguments).await;
    assert_eq!(left.lines().count(), 1 + asked.len(), "{left}");
    for (name, value) in asked {
        assert!(left.contains(&format!("  {name}: ")), "{left}");
        std::fs::write(place.join(name), value).unwrap();
    }
    let master = std::fs::read(place.join("master")).unwrap();
    assert_eq!(
        ask("deploy/make-secrets", &arguments).await,
        "",
        "nothing is left"
    );
    assert_eq!(std::fs::read(place.join("master")).unwrap(), master);

    // The unit gives the hub all that is there: no more than it needs.
    let mut given: Vec<String> = Vec::new();
    for file in std::fs::read_dir(&place).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o400);
        given.push(SECRET.to_owned() + file.file_name().to_str().unwrap());
    }
    let mut told = lines(&read(".env.example"));
    let files = told.iter().filter(|(name, _)| name.ends_with("_FILE"));
    let mut wanted: Vec<String> = files.map(|(_, file)| file.clone()).collect();
    given.sort();
    wanted.sort();
    assert_eq!(given, wanted);
    let unit = read(UNIT);
    assert!(unit.contains("\nLoadCredential=secret:/etc/portcullis/secrets\n"));

    check(".env.example", &told, &place).await;
    let set = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    told.extend(set.map(|set| {
        let (name, value) = set.trim_matches('"').split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    }));
    check("the unit", &told, &place).await;
}

#[tokio::test]
async fn make_secrets_takes_a_slip_for_no_folder() {
    for arguments in [&["--sytemd"][..], &["--systemd", "--x"], &["a", "b"]] {
        let output = run("deploy/make-secrets", arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

/// Runs `portcullis-run` where systemd's programs only say what they were asked for.
async fn portcullis_run(arguments: &[&str]) -> Vec<String> {
    let folder = Folder::new();
    for (name, script) in [("systemctl", SYSTEMCTL), ("systemd-run", SYSTEMD_RUN)] {
        let path = folder.path().join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut script = Command::new(root().join("deploy/systemd/portcullis-run"));
    script
        .args(arguments)
        .env("PATH", path)
        .env("UNIT", root().join(UNIT));
    let output = script.kill_on_drop(true).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_command_line_has_what_the_unit_says_of_a_process() {
    let asked = portcullis_run(&["user", "show", "a $b"]).await;
    let (options, command) = asked.split_at(asked.len() - 4);
    assert_eq!(command, ["/usr/local/bin/portcullis", "user", "show", "a $$b"]);

    let unit = read(UNIT);
    let (_, service) = unit.split_once("\n[Service]\n").unwrap();
    let (service, _) = service.split_once("\n[Install]\n").unwrap();
    let of_the_hub = ["Type=", "Exec", "Restart", "Kill", "Timeout"];
    let service = service.lines().filter(|line| {
        let is_comment = line.is_empty() || line.starts_with('#');
        !is_comment && of_the_hub.iter().all(|key| !line.starts_with(key))
    });
    let wanted: Vec<&str> = service.chain(["Environment=A=b    C=d"]).collect();
    let pairs = options.windows(2).filter(|pair| pair[0] == "--property");
    let given: Vec<&str> = pairs.map(|pair| pair[1].as_str()).collect();
    assert_eq!(given, wanted);

    let name = options.iter().find_map(|option| option.strip_prefix("--unit="));
    let (name, hub) = (name.unwrap(), SECRET.strip_suffix("/secret_").unwrap());
    let secrets = format!("--property=BindReadOnlyPaths=/run/credentials/{name}.service:{hub}");
    assert!(options.contains(&secrets), "{options:?}");
}
