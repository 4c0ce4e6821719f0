//! What ends a session, what does not, and what is erased of it.

use std::time::Duration;

use futures_util::future::join_all;
use portcullis::roles::Permission;
use portcullis::store::sessions;
use serde_json::json;

use crate::support::Pair;
use crate::support::app::Tuning;

const ADA: &str = "ada@example.org";

#[tokio::test]
async fn a_stolen_refresh_token_signs_out_its_own_session_only() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, here) = hub.signed_in(ADA, "user").await;
    let there = hub.sign_in(ADA).await;
    for scope in ["others", "all"] {
        let first = hub.sign_in(ADA).await;
        let next = Pair::of(&hub.try_refresh(&first.refresh).await.expect(200));
        // Its successor has arrived, and the grace is over: a refresh would raise the alarm.
        hub.get_as(&next.access, "/api/auth/site_role").await.expect(200);
        hub.clock.as_ref().unwrap().advance(Duration::from_mins(1));
        let body = json!({ "refresh_token": first.refresh, "scope": scope });
        hub.post("/api/auth/logout", body).await.expect(204);
        hub.get_as(&next.access, "/api/auth/site_role")
            .await
            .problem(401, "session_revoked");
        for other in [&here, &there] {
            hub.get_as(&other.access, "/api/auth/site_role").await.expect(200);
        }
    }
    let body = json!({ "refresh_token": here.refresh, "scope": "all" });
    hub.post("/api/auth/logout", body).await.expect(204);
    hub.get_as(&there.access, "/api/auth/site_role")
        .await
        .problem(401, "session_revoked");
}

#[tokio::test]
async fn a_session_that_ran_out_is_not_revoked_again_and_is_erased_in_batches() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    let key = hub.service_key(&[Permission::SessionsRevoke]).await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    for _ in 0..2 {
        hub.sign_in(ADA).await;
    }
    clock.advance(Duration::from_hours(24 * 365));
    let order = json!({ "session_id": pair.session, "reason": "a test" });
    let done = hub.post_as(&key, "/api/revocations", order).await.expect(200);
    assert_eq!(done.json()["sessions_revoked"], 0);
    hub.sign_in(ADA).await;
    let mut erased = Vec::new();
    for _ in 0..3 {
        let mut tx = hub.app.cx.db.begin().await.unwrap();
        erased.push(sessions::purge(&mut tx, hub.now(), 2).await.unwrap());
        tx.commit().await.unwrap();
    }
    assert_eq!(erased, [2, 1, 0]);
}

#[tokio::test]
async fn t06_an_old_token_that_many_present_at_once_raises_one_alarm() {
    let hub = Tuning::new()
        .configure(|config| config.tokens.refresh_grace = 0)
        .spawn()
        .await;
    let (_, first) = hub.signed_in(ADA, "user").await;
    let mut newest = first.clone();
    for _ in 0..2 {
        newest = Pair::of(&hub.try_refresh(&newest.refresh).await.expect(200));
    }
    let answers = join_all((0..16).map(|n| {
        let token = if n % 2 == 0 { &first } else { &newest };
        hub.try_refresh(&token.refresh)
    }))
    .await;
    let alarms = answers
        .iter()
        .filter(|answer| answer.status == 401 && answer.json()["code"] == "refresh_reused");
    assert_eq!(alarms.count(), 1);
    hub.mail_to(ADA, 1).await;
    hub.get_as(&newest.access, "/api/auth/site_role")
        .await
        .problem(401, "session_revoked");
    assert_eq!(hub.mails_to(ADA).await.len(), 1);
}
