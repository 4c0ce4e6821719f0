//! Which hosts are answered, and that no header gets into a link (T25), or to the mailbox of development.

use serde_json::json;

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::people::PASSWORD;
use crate::support::raw::RawAnswer;

const OURS: &[&str] = &[
    "auth.example.org",
    "auth.example.org:443",
    "auth.example.org:8443",
    "AUTH.Example.ORG",
    "localhost",
    "localhost:1",
    "127.0.0.1",
    "127.0.0.1:65535",
    "[::1]",
    "[::1]:8080",
];

const FOREIGN: &[&str] = &[
    "",
    "evil.example",
    "evil.example:443",
    "auth.example.org.",
    "auth.example.org.evil.example",
    "evilauth.example.org",
    "example.org",
    "auth.example.org@evil.example",
    "evil.example@auth.example.org",
    "auth.example.org:80:80",
    "auth.example.org:evil",
    "auth.example.org:80@evil.example",
    "auth.example.org, evil.example",
    "auth.example.org evil.example",
    "auth.example.org/evil",
    "auth.example.org#evil",
    "auth.example.org?evil",
    "auth.example.org\\evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
    "[::]",
    "[::1",
    "[::1]evil",
    "10.0.0.1",
    "169.254.169.254",
    "\u{e9}vil.example",
];

/// What a request may say about where it went.
const CLAIMS: &[&[&str]] = &[
    &["Host: localhost"],
    &["Host: 127.0.0.1:9"],
    &["Host: auth.example.org:8443"],
    &["Host: localhost", "X-Forwarded-Host: evil.example"],
    &[
        "Host: localhost",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Port: 1",
    ],
    &["Host: localhost", "Forwarded: host=evil.example;proto=http"],
    &["Host: localhost", "X-Original-Url: http://evil.example/"],
    &["Host: localhost", "X-Rewrite-Url: http://evil.example/"],
    &[
        "Host: localhost",
        "Origin: https://evil.example",
        "Referer: https://evil.example/",
    ],
    &[
        "Host: localhost",
        "X-Host: evil.example",
        "X-Forwarded-Server: evil.example",
    ],
];

async fn app() -> TestApp {
    Tuning::new()
        .configure(|config| config.public_url = Some("https://auth.example.org".parse().unwrap()))
        .spawn()
        .await
}

/// Posts JSON with exactly these lines beside what HTTP asks for.
async fn post(app: &TestApp, path: &str, headers: &[&str], body: &str) -> RawAnswer {
    let (lines, length) = (headers.join("\r\n"), body.len());
    app.raw(format!(
        "POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{lines}\r\n\r\n{body}"
    ))
    .await
}

#[tokio::test]
async fn t25_only_our_own_hosts_are_answered() {
    let app = app().await;
    for host in OURS {
        let answer = app.raw_get("/api/users/me", &[&format!("Host: {host}")]).await;
        assert_eq!(
            answer.code().as_deref(),
            Some("authentication_required"),
            "{host}"
        );
    }
    for host in FOREIGN {
        for path in ["/api/users/me", "/", "/activate/x", "/nothing", "/ws"] {
            let answer = app.raw_get(path, &[&format!("Host: {host}")]).await;
            assert_eq!(answer.status, 421, "{host} at {path}");
            assert_eq!(answer.code().as_deref(), Some("misdirected_request"), "{host}");
            if !host.is_empty() {
                let echoed = answer.head.contains("evil") || answer.body.contains("evil");
                assert!(!echoed, "{host} is said back");
            }
        }
        // Load balancers ask these by whatever name they have.
        let health = app.raw_get("/healthz", &[&format!("Host: {host}")]).await;
        assert_eq!(health.status, 200, "{host}");
    }
}

#[tokio::test]
async fn t25_links_in_mails_come_from_the_public_address_alone() {
    let app = app().await;
    for (number, headers) in CLAIMS.iter().enumerate() {
        let email = format!("ada{number}@example.org");
        let body = json!({ "email": email, "password": PASSWORD }).to_string();
        let answer = post(&app, "/api/users", headers, &body).await;
        assert_eq!(answer.status, 202, "{headers:?}: {answer:?}");
        let mail = app.mail_to(&email, 1).await;
        let token = mail["token"].as_str().unwrap();
        let link = format!("https://auth.example.org/activate/{token}");
        assert_eq!(mail["links"], json!([link]), "{headers:?}");
        for part in ["text", "html"] {
            let text = mail[part].as_str().unwrap();
            assert!(text.contains(&link) && !text.contains("evil"), "{headers:?}");
            assert_eq!(text.matches("localhost").count(), 0, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn t25_a_recovery_and_a_change_of_address_link_to_the_public_address_alone() {
    let app = app().await;
    for (number, headers) in CLAIMS.iter().enumerate() {
        let (email, new) = (
            format!("ada{number}@example.org"),
            format!("new{number}@example.org"),
        );
        let (_, ada) = app.signed_in(&email, "user").await;
        let bearer = format!("Authorization: Bearer {}", ada.access);
        let signed_in = [&[bearer.as_str()], *headers].concat();
        let recovery = json!({ "email": email }).to_string();
        let change = json!({ "email": new, "password": PASSWORD }).to_string();
        for (path, headers, body) in [
            ("/api/auth/recovery", *headers, recovery),
            ("/api/users/me/email", &signed_in, change),
        ] {
            let answer = post(&app, path, headers, &body).await;
            assert_eq!(answer.status, 202, "{headers:?}: {answer:?}");
        }
        app.mail_to(&email, 2).await;
        app.mail_to(&new, 1).await;
        let mails = [app.mails_to(&email).await, app.mails_to(&new).await].concat();
        let mut links = Vec::new();
        for mail in mails {
            let token = mail["token"].as_str().unwrap();
            let [link] = mail["links"].as_array().unwrap().as_slice() else {
                panic!("{mail}")
            };
            let link = link.as_str().unwrap();
            links.push(link.replace(token, "token"));
            for part in ["text", "html"] {
                let text = mail[part].as_str().unwrap();
                assert!(text.contains(link) && !text.contains("evil"), "{headers:?}");
                assert!(
                    !text.contains("localhost") && !text.contains("127.0.0.1"),
                    "{headers:?}"
                );
            }
        }
        links.sort_unstable();
        let pages = ["email-undo", "email", "recovery"];
        let expected = pages.map(|page| format!("https://auth.example.org/{page}/token"));
        assert_eq!(links, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn the_mailbox_answers_this_machine_alone() {
    let app = app().await;
    app.register("ada@example.org").await.expect(202);
    app.mail_to("ada@example.org", 1).await;
    for path in ["/dev/mailbox", "/dev/mailbox.json", "/dev/mailbox/"] {
        app.get(path).await.expect(200);
        for host in ["localhost", "127.0.0.1", "[::1]:80", "auth.example.org"] {
            let near = app.request("GET".parse().unwrap(), path).header("host", host);
            Answer::of(near).await.expect(200);
        }
        for (name, value) in [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-for", ""),
            ("x-forwarded-host", "localhost"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-anything", "1"),
            ("forwarded", "for=127.0.0.1"),
        ] {
            let far = app.request("GET".parse().unwrap(), path).header(name, value);
            let answer = Answer::of(far).await;
            answer.problem(404, "not_found");
            assert!(!answer.text().contains("ada@example.org"), "{name}");
        }
        for host in ["evil.example", "auth.example.org.evil.example", "10.0.0.1"] {
            let rebound = app.request("GET".parse().unwrap(), path).header("host", host);
            Answer::of(rebound).await.problem(421, "misdirected_request");
        }
    }
    // Not even a proxy that is trusted may show it to the world.
    let behind = Tuning::new()
        .configure(|config| config.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()])
        .spawn()
        .await;
    let far = behind.request("GET".parse().unwrap(), "/dev/mailbox.json");
    let answer = Answer::of(far.header("x-forwarded-for", "127.0.0.1")).await;
    answer.problem(404, "not_found");
}

#[tokio::test]
async fn without_the_mailbox_transport_there_is_no_mailbox() {
    let app = Tuning::new()
        .configure(|config| {
            config.mail.transport = portcullis::config::Transport::Smtp;
            config.mail.smtp_url = Some("smtp://127.0.0.1:1".to_owned().into());
        })
        .spawn()
        .await;
    for path in ["/dev/mailbox", "/dev/mailbox.json"] {
        app.get(path).await.problem(404, "not_found");
    }
    let home = app.get("/").await.expect(200);
    assert!(!home.text().contains("/dev/mailbox"));
}
