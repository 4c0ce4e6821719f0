//! The command line around the hub: configuration, the document, migrations, health.

use serde_json::Value;

use crate::support::binary::Installation;
use crate::support::sql;

const MASTER: &str = "canary master secret of forty characters";

/// Runs a command; gives its exit code, and what it said on both streams.
async fn outcome(installation: &Installation, arguments: &[&str]) -> (i32, String) {
    let output = installation.run(arguments).await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn an_unknown_key_is_a_fault_that_names_the_nearest() {
    let mut installation = Installation::new().await;
    assert_eq!(outcome(&installation, &["config", "check"]).await.0, 0);
    let file = installation.folder.path().join("portcullis.toml");
    std::fs::write(&file, "[hub]\nleese = 10\n\n[http]\nlisten = \"nowhere\"\n").unwrap();
    let (code, said) = outcome(&installation, &["config", "check"]).await;
    assert_eq!(code, 2);
    assert!(said.contains("hub.leese") && said.contains("hub.lease"), "{said}");
    assert!(said.contains("portcullis.toml"), "where it came from: {said}");
    for command in [
        &["serve"][..],
        &["migrate"],
        &["user", "list"],
        &["key", "list"],
        &["config", "show"],
    ] {
        let (code, said) = outcome(&installation, command).await;
        assert_eq!(code, 2, "{command:?}");
        assert!(said.contains("hub.leese"), "{command:?}: {said}");
    }
    std::fs::remove_file(&file).unwrap();

    installation.set("PORTCULLIS_HUB__LEASSE", "10");
    installation.set("PORTCULLIS_TOKENS__ACCESS_TTL", "soon");
    let (code, said) = outcome(&installation, &["config", "check", "--json"]).await;
    assert_eq!(code, 2);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["valid"], false);
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 2, "each fault is told: {report}");
    assert!(
        said.contains("PORTCULLIS_HUB__LEASSE") && said.contains("PORTCULLIS_HUB__LEASE"),
        "{said}"
    );
    assert!(said.contains("tokens.access_ttl"), "{said}");
}

#[tokio::test]
async fn what_mail_settings_name_is_read_at_the_start_and_each_fault_has_its_file_and_line() {
    let mut installation = Installation::new().await;
    let folder = installation.folder.path().join("letters");
    std::fs::create_dir_all(folder.join("en")).unwrap();
    let letter = folder.join("en/recovery.txt");
    std::fs::write(&letter, "Subject: x\nButton: y\n\n{{ nmae }}\n\n{{ link }}\n").unwrap();
    installation.set("PORTCULLIS_MAIL__TEMPLATES", folder.to_str().unwrap());
    installation.set("PORTCULLIS_MAIL__TRANSPORT", "smtp");
    installation.set("PORTCULLIS_MAIL__SMTP_URL", "smtps://mail.example.org");
    installation.set("PORTCULLIS_MAIL__CA_CERTIFICATES", "/nonexistent.pem");
    let place = format!("{}, line 4: undefined value", letter.display());
    for command in [
        &["serve"][..],
        &["config", "check"],
        &["config", "check", "--json"],
        &["user", "list"],
    ] {
        let (code, said) = outcome(&installation, command).await;
        assert_eq!(code, 2, "{command:?}: {said}");
        for part in [
            "mail.templates",
            "PORTCULLIS_MAIL__TEMPLATES",
            &place,
            "mail.ca_certificates",
            "/nonexistent.pem",
        ] {
            assert!(said.contains(part), "{command:?} {part}: {said}");
        }
    }
    std::fs::write(&letter, "Subject: x\nButton: y\n\nFor {{ name }}\n\n{{ link }}\n").unwrap();
    installation.set("PORTCULLIS_MAIL__CA_CERTIFICATES", "");
    let (code, said) = outcome(&installation, &["config", "check"]).await;
    assert_eq!(code, 0, "{said}");
    installation.set("PORTCULLIS_MAIL__LANGUAGE", "xx");
    let (code, said) = outcome(&installation, &["config", "check"]).await;
    assert_eq!(code, 2);
    assert!(
        said.contains("mail.language") && said.contains("en, ru"),
        "{said}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_one_fault() {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_ENV", "production");
    installation.set("PORTCULLIS_MAIL__TRANSPORT", "smtp");
    installation.set("PORTCULLIS_PASSWORDS__ITERATIONS", "4");
    installation.set("PORTCULLIS_PASSWORDS__MEMORY_KIB", "19456");
    installation.set("PORTCULLIS_PUBLIC_URL", "https://auth.example.org");
    // Production needs each of them: that none is set must not be said as well.
    let missing = [
        ("secrets.master", "PORTCULLIS_SECRETS__MASTER_FILE"),
        ("mail.smtp_url", "PORTCULLIS_MAIL__SMTP_URL_FILE"),
        (
            "oauth.google.client_secret",
            "PORTCULLIS_OAUTH__GOOGLE__CLIENT_SECRET_FILE",
        ),
    ];
    for (_, variable) in missing {
        installation.set(variable, "/nonexistent/secret");
    }
    installation.set("PORTCULLIS_OAUTH__GOOGLE__CLIENT_ID", "hub");
    let (code, said) = outcome(&installation, &["config", "check", "--json"]).await;
    assert_eq!(code, 2);
    let report: Value = serde_json::from_str(&said).unwrap();
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len(), missing.len(), "{report}");
    for (key, variable) in missing {
        let fault = faults.iter().find(|fault| fault["key"] == key).unwrap();
        let origin = format!("{variable} = /nonexistent/secret");
        assert_eq!(fault["origin"], origin.as_str());
        let problem = fault["problem"].as_str().unwrap();
        assert!(problem.starts_with("the file cannot be read: "), "{problem}");
    }
    // Where another variable goes over it, what that one says is looked at.
    installation.set("REDIS_URL_FILE", "/nonexistent/secret");
    installation.set("PORTCULLIS_REDIS__URL", "nowhere");
    let (_, said) = outcome(&installation, &["config", "check"]).await;
    assert_eq!(said.matches("redis.url").count(), 2, "{said}");
}

#[tokio::test]
async fn what_is_shown_has_its_origin_and_no_secret() {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_SECRETS__MASTER", MASTER);
    let password = "canary-password-of-redis";
    installation.set("REDIS_URL", &format!("redis://default:{password}@127.0.0.1:1/0"));
    let path = installation.folder.path().join("smtp");
    std::fs::write(&path, "smtps://ada:canary-smtp@mail.example.org\n").unwrap();
    installation.set("PORTCULLIS_MAIL__SMTP_URL_FILE", path.to_str().unwrap());
    let path = installation.folder.path().join("peppers");
    let peppers = ["2027a", "2026a"].map(|id| format!("{id}:canary {}\n", "x".repeat(40)));
    std::fs::write(&path, peppers.concat()).unwrap();
    installation.set("PORTCULLIS_PASSWORDS__PEPPERS_FILE", path.to_str().unwrap());
    for arguments in [
        &["config", "show"][..],
        &["config", "show", "--json"],
        &["config", "check"],
    ] {
        let (code, said) = outcome(&installation, arguments).await;
        assert_eq!(code, 0, "{said}");
        assert!(!said.contains("canary"), "{arguments:?}: {said}");
    }
    let (_, said) = outcome(&installation, &["config", "show", "--json"]).await;
    let items: Value = serde_json::from_str(&said).unwrap();
    let item = |key: &str| {
        let items = items["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["key"] == key);
        found.unwrap_or_else(|| panic!("{key} is not shown")).clone()
    };
    assert_eq!(item("secrets.master")["secret"], true);
    let peppers = item("passwords.peppers");
    assert_eq!(
        (&peppers["secret"], &peppers["value"]),
        (&Value::Bool(true), &Value::from("(set)"))
    );
    assert!(
        peppers["origin"]
            .as_str()
            .unwrap()
            .contains("PORTCULLIS_PASSWORDS__PEPPERS_FILE")
    );
    let memory = item("passwords.memory_kib");
    assert_eq!(memory["value"], 1024);
    assert!(
        memory["origin"]
            .as_str()
            .unwrap()
            .contains("PORTCULLIS_PASSWORDS__MEMORY_KIB")
    );
    assert_eq!(item("hub.lease")["origin"], "default");
}

#[tokio::test]
async fn production_refuses_what_is_only_fit_for_development() {
    let mut installation = Installation::new().await;
    for (name, value) in [
        ("PORTCULLIS_ENV", "production"),
        ("PORTCULLIS_PUBLIC_URL", "http://auth.example.org"),
        ("PORTCULLIS_LIMITS__ENABLED", "false"),
        ("PORTCULLIS_MANAGEMENT__ALLOW", "0.0.0.0/0"),
    ] {
        installation.set(name, value);
    }
    for arguments in [
        &["serve"][..],
        &["config", "check"],
        &["migrate"],
        &["user", "list"],
    ] {
        let (code, said) = outcome(&installation, arguments).await;
        assert_eq!(code, 2, "{arguments:?}: {said}");
        for key in [
            "mail.transport",
            "secrets.master",
            "public_url",
            "limits.enabled",
            "management.allow",
            "passwords.memory_kib",
        ] {
            assert!(said.lines().any(|line| line.starts_with(key)), "{key}: {said}");
        }
    }
    for (name, value) in [
        ("PORTCULLIS_PUBLIC_URL", "https://auth.example.org"),
        ("PORTCULLIS_LIMITS__ENABLED", "true"),
        ("PORTCULLIS_MANAGEMENT__ALLOW", "10.0.0.0/8"),
        ("PORTCULLIS_MAIL__TRANSPORT", "smtp"),
        ("PORTCULLIS_MAIL__SMTP_URL", "smtps://mail.example.org"),
        ("PORTCULLIS_SECRETS__MASTER", MASTER),
        ("PORTCULLIS_PASSWORDS__MEMORY_KIB", "19456"),
        ("PORTCULLIS_PASSWORDS__ITERATIONS", "2"),
    ] {
        installation.set(name, value);
    }
    let (code, said) = outcome(&installation, &["config", "check"]).await;
    assert_eq!(code, 0, "{said}");
    // The mailbox beyond loopback is refused everywhere.
    let mut exposed = Installation::new().await;
    exposed.set("PORTCULLIS_HTTP__LISTEN", "0.0.0.0:0");
    let (code, said) = outcome(&exposed, &["serve"]).await;
    assert_eq!(code, 2);
    assert!(said.contains("mail.transport"), "{said}");
}

#[tokio::test]
async fn the_document_is_printed_as_json_and_needs_no_configuration() {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_HUB__LEASSE", "10");
    let document: Value = serde_json::from_str(&installation.ask(&["openapi"]).await).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert!(document["paths"]["/api/revocations"]["post"].is_object());
    assert!(document["paths"].get("/dev/mailbox").is_none());
}

#[tokio::test]
async fn migrations_may_run_twice_and_four_at_once() {
    let installation = Installation::new().await;
    let four = (0..4).map(|_| installation.run(&["migrate"]));
    for output in futures_util::future::join_all(four).await {
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    installation.ask(&["migrate"]).await;
    let applied = "select cast(count(*) as text) from _sqlx_migrations where success";
    let applied = sql::texts(installation.database_url(), applied).await;
    let files = std::fs::read_dir("migrations/sqlite").unwrap().count();
    assert_eq!(applied, [Some(files.to_string())], "each once");
    installation.ask(&["user", "list"]).await;
}

#[tokio::test]
async fn a_healthcheck_tells_a_hub_that_lives_from_one_that_does_not() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let address = server.caller.url("");
    for url in [address.clone(), format!("{address}/readyz")] {
        let (code, said) = outcome(&installation, &["healthcheck", &url]).await;
        assert_eq!((code, said.as_str()), (0, ""), "{url}");
    }
    let (code, _) = outcome(&installation, &["healthcheck", &format!("{address}/nothing")]).await;
    assert_eq!(code, 1);
    let (code, _) = outcome(&installation, &["healthcheck", "not an address"]).await;
    assert_eq!(code, 2);
    let mut process = server.process;
    process.kill().await.unwrap();
    let (code, said) = outcome(&installation, &["healthcheck", &address]).await;
    assert_eq!(code, 1, "{said}");
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_help_with_0() {
    let installation = Installation::new().await;
    for arguments in [
        &["fly"][..],
        &["serve", "--fly"],
        &["migrate", "now"],
        &["config"],
        &["--config", "/nothing.toml", "serve"],
    ] {
        assert_eq!(outcome(&installation, arguments).await.0, 2, "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["user", "--help"]] {
        assert_eq!(outcome(&installation, arguments).await.0, 0, "{arguments:?}");
    }
    // A port that is taken is a failure, and says which setting is meant.
    let server = installation.serve().await;
    let mut second = Installation::new().await;
    second.set("PORTCULLIS_HTTP__LISTEN", &server.caller.address.to_string());
    let (code, said) = outcome(&second, &["serve"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("http.listen"), "{said}");
}
