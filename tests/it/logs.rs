//! What the log holds: one line for each event (T15). That it holds no secret is shown in `secrecy`.

use serde_json::{Value, json};

use crate::support::binary::Installation;
use crate::support::http::{Answer, Caller};

const ADA: &str = "ada@example.org";
const MASTER: &str = "a master secret for the log test, long enough";
const WRONG: &str = "wrong lettuce 4713 umbrella";

/// A request as a liar sends it, byte by byte.
async fn lie(hub: &Caller, user_agent: &str, id: &str, device: &str) -> u16 {
    let body = json!({ "email": ADA, "password": WRONG, "device": device }).to_string();
    let head = format!(
        "POST /api/auth HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\
         User-Agent: {user_agent}\r\nX-Request-Id: {id}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    hub.raw(head).await.status
}

#[tokio::test]
async fn t15_nobody_writes_a_line_of_their_own_into_the_log() {
    let mut installation = Installation::new().await;
    installation.set("RUST_LOG", "trace");
    for (name, value) in [
        ("PORTCULLIS_ENV", "production"),
        ("PORTCULLIS_MAIL__TRANSPORT", "smtp"),
        ("PORTCULLIS_MAIL__SMTP_URL", "smtps://mail.example.org"),
        ("PORTCULLIS_SECRETS__MASTER", MASTER),
        ("PORTCULLIS_PASSWORDS__MEMORY_KIB", "19456"),
        ("PORTCULLIS_PASSWORDS__ITERATIONS", "2"),
    ] {
        installation.set(name, value);
    }
    let log = installation.folder.path().join("log");
    installation.ask(&["migrate"]).await;
    let server = installation.serve_logging_to(&log).await;
    let hub = &server.caller;
    let hostile = [
        "forged\u{9b}31m",
        "forged\u{1b}[2J\u{1b}[31m",
        "forged \u{2028}{\"level\":\"ERROR\"}",
        "forged\u{202e}gnorw",
        "forged \"}{\"level\":\"ERROR",
        "forged\tx",
    ];
    for text in hostile {
        // A header cannot hold every one of them: then it is refused as a whole.
        let status = lie(hub, text, text, "plain").await;
        assert!([400, 401].contains(&status), "{text:?}: {status}");
        let status = lie(hub, "plain", "plain", text).await;
        assert!([401, 422].contains(&status), "{text:?}: {status}");
        let path = url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        hub.get(&format!("/{path}?{path}")).await.expect(404);
        Answer::of(
            hub.request(
                text.replace(|c: char| !c.is_ascii_alphabetic(), "")
                    .parse()
                    .unwrap(),
                "/",
            ),
        )
        .await
        .expect(405);
    }
    for line_break in ["forged\r\nlevel: ERROR", "forged\nERROR"] {
        let status = lie(hub, "plain", "plain", line_break).await;
        assert_eq!(status, 422);
    }
    let text = std::fs::read_to_string(&log).unwrap();
    let mut answered = 0;
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            record["level"].is_string() && record["timestamp"].is_string(),
            "{line}"
        );
        assert_ne!(record["level"], "ERROR", "{line}");
        assert!(
            !line.contains(['\u{1b}', '\u{9b}', '\u{2028}', '\u{202e}']),
            "{line:?}"
        );
        answered += usize::from(record["message"] == "answered");
    }
    assert!(answered >= 20, "each request is one record: {answered}");
}
