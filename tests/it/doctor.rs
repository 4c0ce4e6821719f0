//! `portcullis doctor`, beside things that are really broken: it names what, says what to do, and ends with 1.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::binary::{Installation, Server};
use crate::support::database::is_postgres;
use crate::support::free_address;
use crate::support::provider::ProviderServer;
use crate::support::smtp::{SmtpSink, Verdict};

/// What a proxy does to the head of a request, given the address of its caller.
type Change = fn(&str) -> String;

/// As it came.
fn nothing(head: &str) -> String {
    head.to_owned()
}

/// As every proxy should: `X-Forwarded-For` with the caller's address added.
fn appends(head: &str) -> String {
    let (lines, before): (Vec<&str>, Vec<&str>) =
        head.lines().partition(|line| !is_named(line, "x-forwarded-for"));
    let before = before.iter().map(|line| &line["x-forwarded-for: ".len()..]);
    let trail: Vec<&str> = before.chain(["203.0.113.9"]).collect();
    let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    lines.insert(1, format!("x-forwarded-for: {}", trail.join(", ")));
    lines.join("\r\n")
}

/// HTTP/1.0 in the middle, as nginx is without two lines: the hop-by-hop headers are gone.
fn keeps_the_upgrade(head: &str) -> String {
    without(&appends(head), &["connection", "upgrade"])
}

fn keeps_the_subprotocol(head: &str) -> String {
    without(&appends(head), &["sec-websocket-protocol"])
}

fn changes_the_host(head: &str) -> String {
    without(&appends(head), &["host"]) + "\r\nhost: upstream.example"
}

fn without(head: &str, names: &[&str]) -> String {
    let lines = head
        .lines()
        .filter(|line| !names.iter().any(|name| is_named(line, name)));
    lines.collect::<Vec<_>>().join("\r\n")
}

fn is_named(line: &str, name: &str) -> bool {
    line.split_once(':')
        .is_some_and(|(key, _)| key.eq_ignore_ascii_case(name))
}

/// A proxy before `target`, one request a connection. Its task ends with the test's runtime.
fn proxy(listener: TcpListener, target: SocketAddr, change: Change) {
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _gone = pass_on(caller, target, change).await;
            });
        }
    });
}

async fn pass_on(mut caller: TcpStream, target: SocketAddr, change: Change) -> std::io::Result<()> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            break at;
        }
        if caller.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8(read[..end].to_vec()).unwrap();
    let mut hub = TcpStream::connect(target).await?;
    let mut head = change(&head);
    if !head.to_ascii_lowercase().contains("connection: upgrade") {
        head = without(&head, &["connection"]) + "\r\nconnection: close";
    }
    hub.write_all(format!("{head}\r\n\r\n").as_bytes()).await?;
    hub.write_all(&read[end + 4..]).await?;
    tokio::io::copy_bidirectional(&mut caller, &mut hub).await?;
    Ok(())
}

/// What `doctor` says: its exit code, and its findings by what they are about.
async fn examine(installation: &Installation) -> (i32, Value) {
    let output = installation.run(&["doctor", "--json"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let code = output.status.code().unwrap();
    assert_eq!(code == 0, report["healthy"] == true, "{report}");
    (code, report)
}

/// The finding about `of` that is the worst.
fn about(report: &Value, of: &str) -> (String, String) {
    let items = report["items"].as_array().unwrap();
    let found = items.iter().filter(|item| item["check"] == of);
    let worst = found.max_by_key(|item| match item["verdict"].as_str().unwrap() {
        "ok" => 0,
        "warn" => 1,
        _ => 2,
    });
    let worst = worst.unwrap_or_else(|| panic!("nothing about {of} in {report}"));
    let said = format!("{} -> {}", worst["found"], worst["advice"]);
    (worst["verdict"].as_str().unwrap().to_owned(), said)
}

#[track_caller]
fn is_wrong(report: &Value, of: &str, parts: &[&str]) {
    let (verdict, said) = about(report, of);
    assert_eq!(verdict, "wrong", "{of}: {said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

/// A hub behind a proxy that does `change`, and a configuration that knows the proxy.
async fn behind(change: Change) -> (Installation, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut installation = Installation::new().await;
    let public = format!("http://{}", listener.local_addr().unwrap());
    installation.set("PORTCULLIS_PUBLIC_URL", &public);
    installation.set("PORTCULLIS_HTTP__TRUSTED_PROXIES", "127.0.0.1/32");
    let server = installation.serve().await;
    proxy(listener, server.caller.address, change);
    (installation, server)
}

#[tokio::test]
async fn a_hub_that_is_well_is_said_to_be_well() {
    let (installation, _server) = behind(appends).await;
    let (code, report) = examine(&installation).await;
    assert_eq!(code, 0, "{report}");
    for of in [
        "configuration",
        "open files",
        "master secret",
        "database",
        "schema",
        "signing keys",
        "Redis",
        "mail",
        "public_url",
    ] {
        assert_eq!(about(&report, of).0, "ok", "{report}");
    }
    assert!(about(&report, "callers").1.contains("203.0.113.9"), "{report}");
    assert!(
        about(&report, "socket").1.contains("frames pass both ways"),
        "{report}"
    );
    let text = installation.ask(&["doctor"]).await;
    assert!(
        text.lines().any(|line| line.starts_with("ok     socket")),
        "{text}"
    );
}

#[tokio::test]
async fn each_fault_of_a_proxy_is_told_from_the_others() {
    let faults: [(Change, &str, &[&str]); 4] = [
        (keeps_the_upgrade, "socket", &["400", "proxy_set_header Upgrade"]),
        (
            keeps_the_subprotocol,
            "socket",
            &["400", "Sec-WebSocket-Protocol"],
        ),
        (changes_the_host, "public_url", &["421", "proxy_set_header Host"]),
        (nothing, "callers", &["X-Forwarded-For"]),
    ];
    for (change, of, parts) in faults {
        let (installation, _server) = behind(change).await;
        let (code, report) = examine(&installation).await;
        assert_eq!(code, 1);
        is_wrong(&report, of, parts);
    }
}

#[tokio::test]
async fn a_proxy_that_nobody_listed_is_named() {
    let (mut installation, server) = behind(appends).await;
    installation.set("PORTCULLIS_HTTP__TRUSTED_PROXIES", "");
    drop(server);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    installation.set(
        "PORTCULLIS_PUBLIC_URL",
        &format!("http://{}", listener.local_addr().unwrap()),
    );
    let server = installation.serve().await;
    proxy(listener, server.caller.address, appends);
    let (_, report) = examine(&installation).await;
    is_wrong(&report, "callers", &["127.0.0.1", "http.trusted_proxies"]);
}

#[tokio::test]
async fn what_is_not_there_at_all_is_said_with_what_to_do() {
    let mut installation = Installation::new().await;
    installation.ask(&["migrate"]).await;
    let gone = free_address().await;
    installation.set("PORTCULLIS_PUBLIC_URL", &format!("http://{gone}"));
    installation.set("REDIS_URL", &format!("redis://default:canary-redis@{gone}/0"));
    installation.set("PORTCULLIS_MAIL__TRANSPORT", "smtp");
    installation.set(
        "PORTCULLIS_MAIL__SMTP_URL",
        &format!("smtp://ada:canary-smtp@{gone}"),
    );
    installation.set("PORTCULLIS_HUB__MAX_CONNECTIONS", "999999999999");
    let (code, report) = examine(&installation).await;
    assert_eq!(code, 1);
    is_wrong(&report, "public_url", &["is the hub running"]);
    is_wrong(&report, "socket", &["see what is said of public_url"]);
    is_wrong(&report, "Redis", &["is it running"]);
    is_wrong(&report, "mail", &["connecting", "mail.smtp_url"]);
    is_wrong(&report, "open files", &["LimitNOFILE"]);
    let output = installation.run(&["doctor"]).await;
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(said.contains("5 things are wrong"), "{said}");
    assert!(!said.contains("canary"), "t14: {said}");
}

#[tokio::test]
async fn credentials_that_are_wrong_are_said_to_be_wrong() {
    let mut installation = Installation::new().await;
    let redis = crate::support::redis::shared();
    let (_, host) = redis.split_once('@').unwrap();
    installation.set("REDIS_URL", &format!("redis://default:canary-wrong@{host}"));
    let postgres = std::env::var("PORTCULLIS_TEST_POSTGRES").unwrap();
    let (_, host) = postgres.split_once('@').unwrap();
    installation.set(
        "DATABASE_URL",
        &format!("postgres://portcullis:canary-wrong@{host}"),
    );
    let (_, report) = examine(&installation).await;
    is_wrong(
        &report,
        "database",
        &["the user or the password in database.url is wrong"],
    );
    is_wrong(
        &report,
        "Redis",
        &["the user or the password in redis.url is wrong"],
    );
    assert!(!report.to_string().contains("canary"), "t14: {report}");
}

#[tokio::test]
async fn mail_is_talked_about_and_not_sent() {
    let sink = SmtpSink::start().await;
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_MAIL__TRANSPORT", "smtp");
    installation.set("PORTCULLIS_MAIL__SMTP_URL", &format!("smtp://{}", sink.address));
    installation.set("PORTCULLIS_MAIL__FROM", "Gate <gate@example.org>");
    let (_, report) = examine(&installation).await;
    assert_eq!(about(&report, "mail").0, "ok", "{report}");
    assert!(sink.attempts().is_empty(), "no mail was sent");
    sink.answer("gate@example.org", &[Verdict::RefuseReceiver(550)]);
    let (_, report) = examine(&installation).await;
    is_wrong(&report, "mail", &["550", "mail.from"]);
}

#[tokio::test]
async fn a_master_secret_that_opens_nothing_and_a_schema_that_is_not_ours_are_wrong() {
    let mut installation = Installation::new().await;
    let server = installation.serve().await;
    drop(server);
    installation.set(
        "PORTCULLIS_SECRETS__MASTER",
        "another master secret than the one before",
    );
    let (_, report) = examine(&installation).await;
    is_wrong(&report, "signing keys", &["secrets.master is not the one"]);
    let rows = crate::support::sql::texts(
        installation.database_url(),
        "delete from _sqlx_migrations where version > 1 returning cast(version as text)",
    );
    assert!(!rows.await.is_empty());
    let (_, report) = examine(&installation).await;
    is_wrong(&report, "schema", &["portcullis migrate"]);
}

#[tokio::test]
async fn nothing_is_made_by_looking() {
    let installation = Installation::new().await;
    let (_, report) = examine(&installation).await;
    assert_eq!(about(&report, "master secret").0, "ok");
    if !is_postgres() {
        assert!(
            about(&report, "database").1.contains("does not exist yet"),
            "{report}"
        );
    }
    let left: Vec<_> = std::fs::read_dir(installation.folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn each_provider_is_asked_and_its_fault_is_told() {
    let acme = ProviderServer::of_ada().await;
    let mut installation = Installation::new().await;
    let _server = installation.serve().await;
    installation.set("PORTCULLIS_OAUTH__ACME__CLIENT_ID", "hub");
    installation.set("PORTCULLIS_OAUTH__ACME__ISSUER", &acme.address);
    let (_, report) = examine(&installation).await;
    let (verdict, said) = about(&report, "providers");
    assert_eq!(verdict, "ok", "{said}");
    assert!(said.contains("/api/auth/oauth/acme/callback"), "{said}");
    acme.misbehave("discovery_of_another").await;
    let (code, report) = examine(&installation).await;
    assert_eq!(code, 1);
    is_wrong(&report, "providers", &["acme", "oauth.acme.issuer"]);
    let nobody = format!("http://{}", free_address().await);
    installation.set("PORTCULLIS_OAUTH__ACME__ISSUER", &nobody);
    let (_, report) = examine(&installation).await;
    is_wrong(&report, "providers", &["acme", "cannot be reached"]);
}
