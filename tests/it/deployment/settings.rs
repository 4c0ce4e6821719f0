//! The environment that each file gives to a hub is one that the hub takes: `config check` says so, which refuses
//! every variable that it does not know.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::ask;
use crate::support::binary::Installation;
use crate::support::database::Folder;
use crate::support::source::{read, root};

pub(super) type Variables = BTreeMap<String, String>;

/// The services of a Compose file, as Compose has them.
async fn services(file: &str) -> BTreeMap<String, Value> {
    let said = ask(
        "scripts/python-tool",
        &["deploy_files", "services", file, ".env.example"],
    )
    .await;
    serde_json::from_str(&said).unwrap()
}

/// What a service is told, if it is a hub.
fn variables(service: &Value) -> Option<Variables> {
    let told = service["environment"].as_object()?;
    let told = told.iter().map(|(name, value)| {
        let value = value
            .as_str()
            .unwrap_or_else(|| panic!("{name} is no text: {value}"));
        (name.clone(), value.to_owned())
    });
    let told: Variables = told.collect();
    told.keys()
        .any(|name| name.starts_with("PORTCULLIS_"))
        .then_some(told)
}

/// The lines of a file of variables.
pub(super) fn lines(text: &str) -> Variables {
    let set = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let pairs = set.map(|line| line.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Secrets as an operator has them after `deploy/make-secrets` and what it says is left to do.
async fn secrets(folder: &Folder) {
    let place = folder.path().to_str().unwrap();
    let left = ask("deploy/make-secrets", &[place]).await;
    for name in ["smtp_url", "tls/fullchain.pem", "tls/privkey.pem"] {
        assert!(left.contains(&format!("  {name}: ")), "{left}");
    }
    std::fs::write(
        folder.path().join("smtp_url"),
        "smtps://hub:secret@mail.example.org\n",
    )
    .unwrap();
    // As an operator's umask may have it.
    let key = folder.path().join("tls/privkey.pem");
    std::fs::write(&key, "key\n").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let master = std::fs::read(folder.path().join("master")).unwrap();
    let left = ask("deploy/make-secrets", &[place]).await;
    assert!(!left.contains("smtp_url"), "{left}");
    let again = std::fs::read(folder.path().join("master")).unwrap();
    assert_eq!(master, again, "what is there stays");
    // Those in the containers are neither the owner nor a root that may read everything; outside nobody gets so far.
    for (name, wanted) in [
        ("", 0o700),
        ("master", 0o444),
        ("tls", 0o755),
        ("tls/privkey.pem", 0o444),
    ] {
        let found = std::fs::metadata(folder.path().join(name)).unwrap().permissions();
        assert_eq!(found.mode() & 0o777, wanted, "{name}");
    }
}

/// What `config check` says of these variables, with secrets where the files say that they are.
pub(super) async fn check(name: &str, variables: &Variables, secrets: &Path) {
    let mut installation = Installation::bare();
    for (variable, value) in variables {
        let file = value.rsplit('/').next().unwrap();
        // The unit puts something before it.
        let file = file.strip_prefix("secret_").unwrap_or(file);
        let here = secrets.join(file).display().to_string();
        let value = if variable.ends_with("_FILE") { &here } else { value };
        installation.set(variable, value);
    }
    let output = installation.run(&["config", "check"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
}

#[tokio::test]
async fn every_hub_takes_what_it_is_told() {
    let folder = Folder::new();
    secrets(&folder).await;
    for (file, hubs) in [
        ("docker-compose.yml", &["hub"][..]),
        ("docker-compose.prod.yml", &["hub-1", "hub-2", "migrate"][..]),
    ] {
        let services = services(file).await;
        let told = services
            .iter()
            .filter_map(|(name, service)| Some((name, variables(service)?)));
        let told: BTreeMap<_, _> = told.collect();
        let names: Vec<&String> = told.keys().copied().collect();
        assert_eq!(names, hubs, "{file}");
        for (name, variables) in told {
            check(&format!("{file}, {name}"), &variables, folder.path()).await;
        }
    }
}

#[tokio::test]
async fn what_one_file_says_of_another_is_so() {
    let services = services("docker-compose.prod.yml").await;
    let address = |name: &str| {
        services[name]["networks"]["web"]["ipv4_address"]
            .as_str()
            .unwrap()
    };
    let nodes = read("deploy/nginx/nodes.conf");
    for hub in ["hub-1", "hub-2"] {
        let told = variables(&services[hub]).unwrap();
        let nginx = format!("{}/32", address("nginx"));
        assert_eq!(
            told["PORTCULLIS_HTTP__TRUSTED_PROXIES"], nginx,
            "nginx alone is believed"
        );
        for port in ["8080", "9464"] {
            assert!(
                nodes.contains(&format!("server {}:{port}", address(hub))),
                "{hub} {port}"
            );
        }
        // Only nginx is reached from outside.
        assert!(
            services[hub]["ports"].is_null() && services[hub]["read_only"] == true,
            "{hub}"
        );
        assert_eq!(services[hub]["cap_drop"][0], "ALL");
    }
    let site = read("deploy/nginx/site.conf");
    let url = &lines(&read(".env.example"))["PORTCULLIS_PUBLIC_URL"];
    assert!(site.contains(&format!("server_name {};", url.strip_prefix("https://").unwrap())));
    let image = read("Dockerfile");
    for line in ["USER 10001:10001", "HEALTHCHECK ", r#"ENTRYPOINT ["portcullis"]"#] {
        assert!(image.lines().any(|found| found.starts_with(line)), "{line}");
    }
    let version = read("Cargo.toml").lines().find_map(|line| {
        Some(
            line.strip_prefix("rust-version = \"")?
                .trim_end_matches('"')
                .to_owned(),
        )
    });
    assert!(image.contains(&format!("ARG RUST=rust:{}-", version.unwrap())));
}

/// What is compiled into the program lies in folders that the image is built from.
#[test]
fn the_image_is_built_from_everything_that_the_program_is_made_of() {
    let image = read("Dockerfile");
    let copied: Vec<&str> = image
        .lines()
        .filter_map(|line| line.strip_prefix("COPY ")?.split(' ').next())
        .collect();
    let sent: Vec<String> = read(".dockerignore")
        .lines()
        .map(|line| line.trim_start_matches('!').to_owned())
        .collect();
    let mut outside = 0;
    for source in crate::support::source::rust_files("src") {
        for piece in source.text.split("include_").skip(1) {
            let Some(path) = piece.split('"').nth(1).filter(|path| path.starts_with("../../")) else {
                continue;
            };
            let path = path.trim_start_matches("../");
            outside += 1;
            assert!(
                copied.iter().any(|folder| path.starts_with(folder)),
                "{path} is not copied"
            );
            assert!(
                sent.iter().any(|folder| path.starts_with(folder.as_str())),
                "{path} is ignored"
            );
        }
    }
    assert!(outside >= 3);
    assert!(root().join(".dockerignore").exists() && sent[0].starts_with('#'));
}
