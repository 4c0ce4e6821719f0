//! Deleting one's own account: what goes, and what stays by ids alone.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::*;

fn proof() -> Value {
    json!({ "password": PASSWORD })
}

#[tokio::test]
async fn whoever_deletes_the_account_is_signed_out_everywhere_and_the_address_is_free() {
    let hub = TestApp::spawn().await;
    let (_, laptop) = hub.signed_in(ADA, "user").await;
    let phone = hub.sign_in(ADA).await;
    let (mut here, _) = hub.open(&laptop.access).await;
    let (mut there, _) = hub.open(&phone.access).await;
    let done = hub.delete_me(&laptop.access, Some(&proof())).await.expect(204);
    assert!(done.bytes.is_empty());
    for socket in [&mut here, &mut there] {
        let goodbye = socket.signed_out("account_deleted").await;
        assert_eq!(goodbye["scope"], "user");
    }
    for pair in [&laptop, &phone] {
        hub.get_as(&pair.access, "/api/users/me")
            .await
            .problem(401, "session_revoked");
        hub.try_refresh(&pair.refresh).await.problem(401, "invalid_token");
    }
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    assert_eq!(hub.mail_to(ADA, 1).await["subject"], "Your account was deleted");

    hub.register(ADA).await.expect(202);
    let token = hub.mailed_token(ADA, 2).await;
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .expect(200);
    hub.sign_in(ADA).await;
}

#[tokio::test]
async fn nothing_of_the_person_stays_but_ids() {
    let hub = Tuning::new().forwarded().spawn().await;
    let (ada, _) = hub.signed_in(ADA, "user").await;
    let pair = hub.sign_in_with(FIREFOX, "192.0.2.77", ADA).await;
    let body = json!({ "name": "Ada Lovelace" });
    hub.call("PATCH", "/api/users/me", Some(&pair.access), Some(&body))
        .await
        .expect(200);
    hub.ask_for_address(&pair.access, NEW).await.expect(202);
    hub.post("/api/auth/recovery", json!({ "email": ADA }))
        .await
        .expect(202);
    hub.outbox_is_empty().await;
    assert!(hub.count("mails where user_id is not null").await > 2);
    let traces = [ADA, NEW, "Lovelace", "Firefox", "argon2id"];
    for trace in traces {
        assert!(!hub.rows_with(trace).await.is_empty(), "{trace} is there before");
    }
    hub.delete_me(&pair.access, Some(&proof())).await.expect(204);
    hub.outbox_is_empty().await;
    // The development mailbox keeps what it caught; the log keeps addresses of callers, which are the operator's to know.
    let kept = |row: &String| row.starts_with("mailbox:");
    for trace in traces {
        let rows: Vec<String> = hub
            .rows_with(trace)
            .await
            .into_iter()
            .filter(|row| !kept(row))
            .collect();
        assert!(rows.is_empty(), "{trace}: {rows:#?}");
    }
    for table in ["users", "mailed_tokens", "known_devices", "refresh_tokens"] {
        assert_eq!(hub.count(table).await, 0, "{table}");
    }
    let about = "mails where user_id is not null";
    assert_eq!(hub.count(about).await, 0, "the goodbye is about nobody");
    let tombstones = "sessions where revoked_at is not null and revoked_reason = 'account_deleted'
        and ip = '' and network = '' and user_agent is null and device is null";
    assert_eq!(hub.count(tombstones).await, 2);
    assert_eq!(
        hub.count("audit where action = 'user.delete' and outcome = 'ok'")
            .await,
        1
    );
    let log = hub
        .texts("select actor from audit where action = 'user.delete'")
        .await;
    assert_eq!(log, [Some(format!("user:{}", ada.id))]);
}

#[tokio::test]
async fn tombstones_are_erased_after_thirty_days() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    hub.delete_me(&ada.access, Some(&proof())).await.expect(204);
    let clock = hub.clock.clone().unwrap();
    for (days, erased) in [(29, 0), (2, 1)] {
        clock.advance(Duration::from_hours(24 * days));
        let month = Duration::from_hours(24 * 30);
        let mut tx = hub.app.cx.db.single().await.unwrap();
        let gone = portcullis::store::sessions::purge(&mut tx, hub.now() - month, 10)
            .await
            .unwrap();
        assert_eq!(gone, erased, "after {days} more days");
    }
}

#[tokio::test]
async fn without_proof_the_account_stays() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let wrong = json!({ "password": "not the password of ada" });
    hub.delete_me(&ada.access, Some(&wrong))
        .await
        .problem(403, "wrong_password");
    for body in [None, Some(&json!({})), Some(&json!({ "password": null }))] {
        let problem = hub
            .delete_me(&ada.access, body)
            .await
            .problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["code"], "required");
    }
    let more = json!({ "password": PASSWORD, "id": "somebody else" });
    hub.delete_me(&ada.access, Some(&more))
        .await
        .problem(422, "validation_failed");
    hub.get_as(&ada.access, "/api/users/me").await.expect(200);
    assert_eq!(hub.refusals("user.delete").await, ["wrong_password"]);
}

#[tokio::test]
async fn a_fresh_sign_in_is_proof_enough_where_there_is_no_password() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    hub.without_password(ADA).await;
    hub.delete_me(&ada.access, None).await.expect(204);
    assert_eq!(hub.count("users").await, 0);
}

#[tokio::test]
async fn the_last_admin_stays_and_of_two_that_leave_at_once_one_does() {
    let hub = roomy().spawn().await;
    let (_, boss) = hub.signed_in("boss@example.org", "admin").await;
    let problem = hub.delete_me(&boss.access, Some(&proof())).await;
    problem.problem(409, "last_admin");
    hub.get_as(&boss.access, "/api/users/me").await.expect(200);
    // A disabled admin is nobody's replacement.
    let disabled = hub.person("off@example.org", "admin").await;
    hub.disable(&disabled).await;
    hub.delete_me(&boss.access, Some(&proof()))
        .await
        .problem(409, "last_admin");

    let (_, deputy) = hub.signed_in("deputy@example.org", "admin").await;
    let proof = proof();
    let admins = [&boss, &deputy];
    let answers = join_all(admins.map(|admin| hub.delete_me(&admin.access, Some(&proof)))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    let active = "users where site_role = 'admin' and status = 'active'";
    assert_eq!(hub.count(active).await, 1);
}

#[tokio::test]
async fn of_sixteen_deletions_at_once_one_is_done() {
    let hub = roomy().spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let proof = proof();
    let answers = join_all((0..16).map(|_| hub.delete_me(&ada.access, Some(&proof)))).await;
    let done = answers.iter().filter(|answer| answer.status == 204).count();
    assert_eq!(done, 1);
    for late in answers.iter().filter(|answer| answer.status != 204) {
        late.problem(401, "session_revoked");
    }
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(ADA).await.len(), 1, "one goodbye");
}
