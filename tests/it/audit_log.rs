//! The audit log: every act that matters leaves one line with who, what, from where and how it ended; the log
//! is read by pages, and `docs/SECURITY.md` lists every action (T15).

mod acts;
mod coverage;
pub mod unwritten;

use std::collections::BTreeSet;

use portcullis::audit::Action;
use portcullis::roles::Permission::{AuditRead, HubRead, UsersRead};
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::document::NOBODY;
use crate::support::http::Answer;
use crate::support::people::PASSWORD;
use crate::support::source::{self, Source};

impl TestApp {
    async fn log(&self, key: &str, query: &str) -> Vec<Value> {
        let page = self.get_as(key, &format!("/api/audit?limit=200&{query}")).await;
        page.expect(200).json()["items"].as_array().unwrap().clone()
    }

    /// Calls with a request id; gives the answer and the lines that the call left.
    async fn traced(
        &self,
        key: &str,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Value,
    ) -> (Answer, Vec<Value>) {
        let id = format!("trace-{}", self.number("select count(*) from audit").await);
        let mut request = self
            .request(method.parse().unwrap(), path)
            .header("x-request-id", &id);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = Answer::of(request).await;
        let mut lines = self.log(key, "").await;
        lines.retain(|line| line["request_id"] == id.as_str());
        (answer, lines)
    }
}

#[tokio::test]
async fn a_line_has_exactly_the_fields_of_the_contract() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[AuditRead]).await;
    let (ada, pair) = hub.signed_in("ada@example.org", "user").await;
    let line = &hub.log(&key, "action=session.create").await[0];
    insta::assert_json_snapshot!(line, {
        ".id" => "[id]", ".at" => "[time]", ".user_id" => "[id]", ".session_id" => "[id]", ".request_id" => "[id]",
    }, @r#"
    {
      "action": "session.create",
      "actor": "anonymous",
      "at": "[time]",
      "details": {},
      "id": "[id]",
      "ip": "127.0.0.1",
      "outcome": "ok",
      "request_id": "[id]",
      "session_id": "[id]",
      "user_id": "[id]"
    }
    "#);
    assert_eq!(
        (&line["user_id"], &line["session_id"]),
        (&json!(ada.id), &json!(pair.session))
    );
}

#[tokio::test]
async fn the_log_is_filtered_and_read_by_pages_newest_first() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[AuditRead]).await;
    let (ada, _) = hub.signed_in("ada@example.org", "user").await;
    for _ in 0..3 {
        hub.sign_in("ada@example.org").await;
        hub.try_sign_in("ada@example.org", "not the password of ada")
            .await;
        hub.try_sign_in("nobody@example.org", PASSWORD).await;
    }
    let all = hub.log(&key, "").await;
    let times: Vec<_> = all.iter().map(|line| line["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    for (query, count) in [
        (String::new(), all.len()),
        ("action=session.create".to_owned(), 10),
        (format!("user_id={}&action=session.create", ada.id), 7),
        ("action=user.create".to_owned(), 1),
        ("action=key.create".to_owned(), 1),
        (format!("user_id={NOBODY}"), 0),
        ("action=user.delete".to_owned(), 0),
    ] {
        let whole = hub.log(&key, &query).await;
        assert_eq!(whole.len(), count, "{query}");
        let (mut read, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/audit?limit=3&{query}{cursor}");
            let page = hub
                .get_as(&key, path.trim_end_matches('&'))
                .await
                .expect(200)
                .json();
            read.extend(page["items"].as_array().unwrap().iter().cloned());
            match &page["next_cursor"] {
                Value::String(next) => cursor = format!("&cursor={next}"),
                _ => break,
            }
        }
        assert_eq!(read, whole, "{query}");
    }
    for query in [
        "action=everything",
        "action=",
        "user_id=ada",
        "cursor=1",
        "limit=1000",
        "actor=operator",
    ] {
        let answer = hub.get_as(&key, &format!("/api/audit?{query}")).await;
        answer.problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn t15_whoever_is_known_and_refused_at_the_door_is_noted_with_what_they_wanted() {
    let nets = vec!["203.0.113.0/24".parse().unwrap()];
    let hub = Tuning::new()
        .configure(|config| config.management.allow = nets)
        .spawn()
        .await;
    let key = hub.service_key(&[AuditRead]).await;
    let (boss, pair) = hub.signed_in("boss@example.org", "admin").await;
    let path = format!("/api/users/{}", boss.id);
    let (answer, lines) = hub
        .traced(&key, "DELETE", &path, Some(&pair.access), Value::Null)
        .await;
    answer.problem(403, "address_not_allowed");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["outcome"], "address_not_allowed");
    assert_eq!(
        lines[0]["details"],
        json!({ "needs": "users:write", "route": "DELETE /api/users/{id}" })
    );
    assert_eq!(lines[0]["session_id"], json!(pair.session));

    // A key whose time is over, and one whose secret is guessed.
    let old = hub.service_key(&[HubRead]).await;
    let keys = hub.app.service_keys.list().await.unwrap();
    let id = keys.iter().find(|key| key.scopes == [HubRead]).unwrap().id;
    let by = portcullis::audit::Origin::local(portcullis::audit::Actor::Operator);
    hub.app.service_keys.revoke(id, &by).await.unwrap();
    let guess = format!("{}{}", &old[..37], "A".repeat(43));
    for bearer in [&old, &guess] {
        let (answer, lines) = hub
            .traced(&key, "GET", "/api/hub", Some(bearer), Value::Null)
            .await;
        answer.problem(401, "invalid_token");
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (&lines[0]["actor"], &lines[0]["outcome"]),
            (&json!("anonymous"), &json!("invalid_token"))
        );
        assert_eq!(lines[0]["details"]["key"], id.to_string());
    }
    // What names no key is noise.
    let unknown = format!("pck_{}_{}", "0".repeat(32), "A".repeat(43));
    for bearer in [Some(unknown.as_str()), Some("x.y.z"), None] {
        let (answer, lines) = hub.traced(&key, "GET", "/api/hub", bearer, Value::Null).await;
        assert_eq!((answer.status, lines.len()), (401, 0));
    }
}

#[tokio::test]
async fn t15_nobody_fills_the_log_by_being_refused() {
    // Time stands still, or a slow machine gets some back meanwhile.
    let hub = Tuning::new()
        .manual_clock()
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await;
    let (_, ada) = hub.signed_in("ada@example.org", "user").await;
    let mut refused = 0;
    loop {
        let answer = hub.get_as(&ada.access, "/api/users").await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some());
            break;
        }
        answer.problem(403, "forbidden");
        refused += 1;
        assert!(refused < 2_000, "nobody counts");
    }
    let lines = hub.count("audit where action = 'management.refuse'").await;
    assert_eq!(lines, refused);
    // Who may is not held up by it.
    let key = hub.service_key(&[UsersRead]).await;
    hub.get_as(&key, "/api/users").await.expect(200);
}

#[test]
fn t15_the_document_lists_every_action_and_no_other() {
    let document = source::read("docs/SECURITY.md");
    let section = document.split("\n## Audit log\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
    let known: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let once: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(once.len(), listed.len(), "each once");
    assert_eq!(
        once,
        known.into_iter().collect(),
        "the document, then src/audit.rs"
    );
}

#[test]
fn t15_every_action_is_written_somewhere() {
    let files = source::rust_files("src");
    let text: String = files.iter().map(Source::code).collect();
    for action in Action::ALL {
        let written = format!("Action::{action:?}");
        assert!(text.contains(&written), "{written} is never written");
    }
}
