//! `deploy/roll-out`, with a `docker` (`docker.sh`) that notes what it was asked for, fails where the test says, and has
//! images which refuse a newer schema and newer settings, as ours do.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use tokio::process::Command;

use crate::support::database::Folder;
use crate::support::source::{read, root};

/// A machine with the files of a deployment.
struct Machine(Folder);

impl Machine {
    /// With the files of the first version, and nothing that runs.
    fn new() -> Self {
        let machine = Self(Folder::new());
        for folder in ["deploy/nginx", "bin", "machine"] {
            std::fs::create_dir_all(machine.path(folder)).unwrap();
        }
        machine.write("bin/docker", include_str!("docker.sh"));
        machine.permit("bin/docker", 0o755);
        machine.write(".env", "RUST_LOG=info\nHUB_IMAGE=\n");
        machine.permit(".env", 0o640);
        machine.write("machine/schema", "0\n");
        machine.write("deploy/nginx/site.conf", "# of one host\n");
        machine.receive(1);
        machine
    }

    /// On which the first version runs.
    async fn running() -> Self {
        let machine = Self::new();
        machine.rolls_out("hub:1").await;
        machine
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path(file), text).unwrap();
    }

    fn permit(&self, file: &str, mode: u32) {
        std::fs::set_permissions(self.path(file), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }

    /// Puts the files of a version in place. Each names a setting that is new in it, as `docker-compose.prod.yml` does
    /// with what an operator may set.
    fn receive(&self, version: u8) {
        let compose = read("docker-compose.prod.yml");
        let known = "    PORTCULLIS_ENV: production\n";
        let new: Vec<String> = (1..=version)
            .map(|version| format!("    PORTCULLIS_SINCE__{version}: ''\n"))
            .collect();
        assert!(compose.contains(known));
        self.write(
            "docker-compose.prod.yml",
            &compose.replace(known, &format!("{known}{}", new.concat())),
        );
        self.write("deploy/nginx/portcullis.conf", &format!("# {version}\n"));
        std::fs::copy(root().join("deploy/roll-out"), self.path("deploy/roll-out")).unwrap();
    }

    /// Which version's files are in place.
    fn files(&self) -> u8 {
        let conf = self.text("deploy/nginx/portcullis.conf");
        let version: u8 = conf.trim_start_matches("# ").trim().parse().unwrap();
        let compose = self.text("docker-compose.prod.yml");
        assert!(compose.contains(&format!("SINCE__{version}")));
        assert!(!compose.contains(&format!("SINCE__{}", version + 1)));
        version
    }

    /// What each hub runs.
    fn hubs(&self) -> [String; 2] {
        ["machine/hub-1", "machine/hub-2"].map(|file| self.text(file).trim().to_owned())
    }

    /// Runs a program in the machine's folder; what it asks docker for and fits `fails` fails.
    async fn run(&self, program: &Path, arguments: &[&str], fails: &str) -> Output {
        let path = format!(
            "{}:{}",
            self.path("bin").display(),
            std::env::var("PATH").unwrap()
        );
        self.write("notes", "");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("PATH", path)
            .env("NOTES", self.path("notes"))
            .env("FAILS", fails)
            .env_remove("HUB_IMAGE")
            .kill_on_drop(true);
        command.output().await.unwrap()
    }

    async fn roll_out(&self, argument: &str, fails: &str) -> Output {
        self.run(&self.path("deploy/roll-out"), &[argument], fails).await
    }

    async fn rolls_out(&self, argument: &str) {
        let done = self.roll_out(argument, "").await;
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// What an operator does who has changed a setting, or started the machine again.
    async fn comes_up(&self) {
        let up = ["compose", "--file", "docker-compose.prod.yml", "up", "--detach"];
        let done = self.run(&self.path("bin/docker"), &up, "").await;
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// What was asked of docker, without what every line has.
    fn asked(&self) -> Vec<String> {
        let notes = self.text("notes");
        let notes = notes.replace(" compose --file docker-compose.prod.yml", "");
        let notes = notes.replace(" --detach --no-deps --wait --wait-timeout 120", "");
        notes.lines().map(str::to_owned).collect()
    }

    fn image(&self) -> String {
        let text = self.text(".env");
        assert!(text.contains("RUST_LOG=info\n"), "{text}");
        let images: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("HUB_IMAGE="))
            .collect();
        assert_eq!(images.len(), 1, "{text}");
        images[0].to_owned()
    }
}

const READY: &str = "portcullis healthcheck http://127.0.0.1:8080/readyz";

#[tokio::test]
async fn one_hub_after_the_other_is_replaced() {
    let machine = Machine::running().await;
    machine.receive(2);
    machine.rolls_out("hub:2").await;
    let expected = [
        "hub:1 image inspect hub:2".to_owned(),
        "hub:2 run --rm --no-deps migrate config check".to_owned(),
        "hub:2 up --detach --wait --no-recreate postgres redis".to_owned(),
        "hub:2 run --rm --no-deps migrate migrate".to_owned(),
        "hub:2 up hub-1".to_owned(),
        format!("hub:2 exec -T hub-1 {READY}"),
        "hub:2 up hub-2".to_owned(),
        format!("hub:2 exec -T hub-2 {READY}"),
        "hub:2 up --detach --no-deps --wait --no-recreate nginx".to_owned(),
        "hub:2 exec -T nginx nginx -t -q".to_owned(),
        "hub:2 exec -T nginx nginx -s reload".to_owned(),
    ];
    assert_eq!(machine.asked(), expected);
    assert_eq!(machine.image(), "hub:2");
    let mode = std::fs::metadata(machine.path(".env"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    machine.comes_up().await;
}

#[tokio::test]
async fn a_hub_that_does_not_become_ready_takes_all_back() {
    for (fails, back) in [
        ("hub:2 .* hub-1$", &["hub-1"][..]),
        ("hub:2 .* hub-2 .*readyz", &["hub-2", "hub-1"][..]),
    ] {
        let machine = Machine::running().await;
        machine.receive(2);
        let done = machine.roll_out("hub:2", fails).await;
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{fails}");
        assert!(!said.contains("did not come back"), "{said}");
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
        assert_eq!(machine.hubs(), ["hub:1", "hub:1"]);
        assert_eq!(
            machine.text("machine/schema"),
            "2\n",
            "a migration is not taken back"
        );
        assert_eq!(machine.files(), 1);
        machine.comes_up().await;
        // Once what was wrong is mended.
        machine.receive(2);
        machine.rolls_out("hub:2").await;
        machine.comes_up().await;
    }
}

#[tokio::test]
async fn the_version_before_runs_again_on_the_newer_schema_and_with_its_own_files() {
    let machine = Machine::running().await;
    machine.receive(2);
    machine.rolls_out("hub:2").await;
    // With other settings; it is still the same version.
    machine.write("deploy/nginx/site.conf", "# of another host\n");
    machine.rolls_out("hub:2").await;
    machine.rolls_out("--back").await;
    assert_eq!(machine.text("deploy/nginx/site.conf"), "# of another host\n");
    assert_eq!(machine.hubs(), ["hub:1", "hub:1"]);
    assert_eq!(machine.image(), "hub:1");
    assert_eq!(machine.files(), 1);
    machine.comes_up().await;
    // What ran before that one is not known.
    let done = machine.roll_out("--back", "").await;
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(machine.asked(), Vec::<String>::new());
    // And forward again, to a version that migrates.
    machine.receive(3);
    machine.rolls_out("hub:3").await;
    assert_eq!(machine.text("machine/schema"), "3\n");
    assert_eq!(machine.hubs(), ["hub:3", "hub:3"]);
    machine.comes_up().await;
}

#[tokio::test]
async fn what_cannot_go_back_stays_as_it_is() {
    for (fails, replaced) in [
        ("hub:1 .*config check", false),
        ("pull|inspect", false),
        ("hub:1 .* hub-2$", true),
    ] {
        let machine = Machine::running().await;
        machine.receive(2);
        machine.rolls_out("hub:2").await;
        let done = machine.roll_out("--back", fails).await;
        assert_eq!(done.status.code(), Some(1), "{fails}");
        assert_eq!(
            machine.asked().iter().any(|line| line.contains(" up ")),
            replaced,
            "{fails}"
        );
        assert_eq!(machine.hubs(), ["hub:2", "hub:2"], "{fails}");
        assert_eq!(
            (machine.image().as_str(), machine.files()),
            ("hub:2", 2),
            "{fails}"
        );
        machine.comes_up().await;
        machine.rolls_out("--back").await;
        assert_eq!(machine.hubs(), ["hub:1", "hub:1"]);
    }
}

#[tokio::test]
async fn what_is_kept_of_another_image_than_the_one_that_runs_is_not_put_back() {
    let machine = Machine::running().await;
    machine.receive(2);
    machine.rolls_out("hub:2").await;
    machine.write(".env", "RUST_LOG=info\nHUB_IMAGE=hub:2-mended\n");
    assert_eq!(machine.roll_out("--back", "").await.status.code(), Some(1));
    assert_eq!(machine.asked(), Vec::<String>::new());
    machine.receive(3);
    machine.rolls_out("hub:3").await;
    let done = machine.roll_out("--back", "").await;
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("nothing is kept"), "{said}");
    assert_eq!(machine.files(), 3);
}

#[tokio::test]
async fn a_first_start_has_nothing_to_go_back_to() {
    let machine = Machine::new();
    let done = machine.roll_out("hub:1", "readyz").await;
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        said.contains("there is nothing to go back to") && !done.status.success(),
        "{said}"
    );
    machine.rolls_out("hub:1").await;
    assert_eq!(machine.hubs(), ["hub:1", "hub:1"]);
    machine.comes_up().await;
}

#[tokio::test]
async fn nothing_is_touched_when_the_image_does_not_take_the_configuration_or_cannot_migrate() {
    for fails in ["config check", "migrate$"] {
        let machine = Machine::running().await;
        machine.receive(2);
        let done = machine.roll_out("hub:2", fails).await;
        assert!(!done.status.success());
        let asked = machine.asked();
        assert!(
            !asked.iter().any(|line| line.contains(" up hub-")),
            "{fails}: {asked:?}"
        );
        assert_eq!(machine.image(), "hub:1");
    }
}
