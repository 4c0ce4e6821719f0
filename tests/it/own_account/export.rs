//! The export: all that is stored about a person, and no secret.

use portcullis::clock::Timestamp;
use portcullis::ids::AuditId;
use portcullis::roles::Permission;
use portcullis::store::audit::{self, Row};
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn the_export_holds_what_is_stored_and_no_secret() {
    let hub = Tuning::new().forwarded().spawn().await;
    let bob = hub.person("bob@example.org", "user").await;
    hub.sign_in(&bob.email).await;
    let (ada, gone) = hub.signed_in(ADA, "user").await;
    hub.post_as(&gone.access, "/api/auth/logout", json!({}))
        .await
        .expect(204);
    let pair = hub.sign_in_with(FIREFOX, "192.0.2.77", ADA).await;
    hub.ask_for_address(&pair.access, NEW).await.expect(202);
    hub.outbox_is_empty().await;

    let answer = hub.get_as(&pair.access, "/api/users/me/export").await.expect(200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let export = answer.json();
    let me = hub.get_as(&pair.access, "/api/users/me").await.json();
    assert_eq!((&export["user"], &export["has_password"]), (&me, &json!(true)));
    let list = |name: &str| export[name].as_array().unwrap().clone();
    let sessions = list("sessions");
    assert_eq!(sessions.len(), 2, "ended ones included");
    assert_eq!(sessions[0]["user_agent"], FIREFOX);
    assert_eq!(sessions[1]["revoked_reason"], "logout");
    assert_eq!(list("devices").len(), 2);
    let purposes: Vec<_> = list("links").iter().map(|link| link["purpose"].clone()).collect();
    assert_eq!(purposes, ["device", "email_change", "email_undo"]);
    assert_eq!(list("mails").len(), 3);
    let actions: Vec<_> = list("audit").iter().map(|line| line["action"].clone()).collect();
    assert_eq!(
        actions,
        [
            "user.create",
            "session.create",
            "session.logout",
            "session.create",
            "email.request",
            "user.export"
        ]
    );
    let text = answer.text();
    for secret in [
        "argon2",
        "pcm_",
        "pcr_",
        "\"hash\"",
        "bob@example.org",
        bob.id.as_str(),
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.contains(&ada.id));
}

#[tokio::test]
async fn a_log_of_many_pages_is_whole_and_in_order() {
    let hub = TestApp::spawn().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let mut tx = hub.app.cx.db.begin().await.unwrap();
    for n in 0..1_200 {
        let row = Row {
            id: AuditId::generate(&hub.app.cx.clock, &hub.app.cx.rng),
            at: hub.now(),
            action: "session.refresh",
            actor: "anonymous".to_owned(),
            user_id: Some(ada.id.parse().unwrap()),
            session_id: None,
            ip: None,
            outcome: "ok",
            request_id: None,
            details: format!(r#"{{"n":{n}}}"#),
        };
        audit::insert(&mut tx, &row).await.unwrap();
    }
    tx.commit().await.unwrap();
    let export = hub
        .get_as(&pair.access, "/api/users/me/export")
        .await
        .expect(200)
        .json();
    let lines = export["audit"].as_array().unwrap();
    let at = |line: &Value| -> Timestamp { serde_json::from_value(line["at"].clone()).unwrap() };
    assert!(lines.is_sorted_by_key(at));
    let mut numbers: Vec<u64> = lines
        .iter()
        .filter_map(|line| line["details"]["n"].as_u64())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..1_200).collect::<Vec<_>>());
}

#[tokio::test]
async fn t09_an_export_does_not_tell_who_has_an_address() {
    let hub = TestApp::spawn().await;
    hub.person("taken@example.org", "user").await;
    let mut exports = Vec::new();
    for (name, wanted) in [("ada", "free@example.org"), ("eve", "taken@example.org")] {
        let (_, pair) = hub.signed_in(&format!("{name}@example.org"), "user").await;
        hub.ask_for_address(&pair.access, wanted).await.expect(202);
        hub.mail_to(wanted, 1).await;
        hub.outbox_is_empty().await;
        let export = hub
            .get_as(&pair.access, "/api/users/me/export")
            .await
            .expect(200)
            .json();
        let of = |list: &str, field: &str| {
            let items = export[list].as_array().unwrap();
            items.iter().map(|item| item[field].clone()).collect::<Vec<_>>()
        };
        exports.push([
            of("mails", "kind"),
            of("mails", "status"),
            of("links", "purpose"),
            of("audit", "action"),
            of("audit", "details"),
        ]);
    }
    assert_eq!(exports[0], exports[1]);
}

#[tokio::test]
async fn an_export_says_what_managers_did_but_not_from_where_nor_what_they_noted() {
    let hub = Tuning::new()
        .configure(|config| {
            config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
            config.management.allow = vec!["192.0.2.0/24".parse().unwrap()];
        })
        .spawn()
        .await;
    let (_, first) = hub.signed_in(ADA, "moderator").await;
    let (boss, manager) = hub.signed_in("boss@example.org", "admin").await;
    let key = hub.service_key(&[Permission::SessionsRevoke]).await;
    let revoke = async |bearer: &str, body: Value, request_id: &str| {
        let request = hub
            .request(reqwest::Method::POST, "/api/revocations")
            .bearer_auth(bearer)
            .header("X-Forwarded-For", "192.0.2.99")
            .header("X-Request-Id", request_id)
            .json(&body);
        Answer::of(request).await
    };
    let ended = json!({ "session_id": first.session, "reason": "suspected of embezzling" });
    revoke(&manager.access, ended.clone(), "managers-request")
        .await
        .expect(200);
    revoke(&key, ended, "backends-request").await.expect(200);
    let pair = hub.sign_in_with(FIREFOX, "192.0.2.77", ADA).await;
    let phone = hub.sign_in(ADA).await;
    // Of somebody with less: refused, and written down.
    let (_, mo) = hub.signed_in("mo@example.org", "moderator").await;
    let everybody = json!({ "user_id": boss.id, "reason": "a grudge" });
    revoke(&mo.access, everybody, "moderators-request")
        .await
        .expect(403);
    let own = json!({ "session_id": phone.session, "reason": "lost my phone" });
    revoke(&pair.access, own, "own-request").await.expect(200);

    let answer = hub.get_as(&pair.access, "/api/users/me/export").await.expect(200);
    let export = answer.json();
    let lines = export["audit"].as_array().unwrap();
    let acts: Vec<_> = lines
        .iter()
        .filter(|line| line["action"] == "session.revoke")
        .map(|line| (&line["ip"], &line["request_id"], &line["details"]["reason"]))
        .collect();
    let nothing = &Value::Null;
    let hers = (
        &json!("192.0.2.99"),
        &json!("own-request"),
        &json!("lost my phone"),
    );
    assert_eq!(
        acts,
        [(nothing, nothing, nothing), (nothing, nothing, nothing), hers]
    );
    for line in lines.iter().filter(|line| line["action"] == "session.revoke") {
        assert!(
            line["details"]["sessions"].is_u64(),
            "what was done stays: {line}"
        );
    }
    assert!(
        lines.iter().any(|line| line["ip"] == "192.0.2.77"),
        "where she signed in"
    );
    assert!(
        lines
            .iter()
            .any(|line| line["actor"] == format!("user:{}", boss.id).as_str())
    );
    for hidden in ["embezzling", "managers-request", "backends-request"] {
        assert!(!answer.text().contains(hidden), "{hidden}");
    }
    let theirs = hub
        .get_as(&manager.access, "/api/users/me/export")
        .await
        .expect(200);
    assert!(theirs.text().contains("session.revoke") && !theirs.text().contains("grudge"));
    let log = hub.rows_with("embezzling").await;
    assert!(
        log.iter().any(|row| row.starts_with("audit:")),
        "the log keeps it"
    );
}
