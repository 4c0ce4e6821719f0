//! Orders that are not carried out: what cannot be meant, whom nobody knows, whom the caller may not touch.

use serde_json::json;

use super::{Crowd, PATH};
use crate::support::document::NOBODY;

#[tokio::test]
async fn an_order_must_be_exact() {
    let crowd = Crowd::gather().await;
    let (session, user) = (crowd.ada.1[0].session.as_str(), crowd.ada.0.id.as_str());
    let long = "x".repeat(201);
    for (body, field, code) in [
        (json!({ "reason": "r" }), "", "exactly_one"),
        (
            json!({ "session_id": session, "all": true, "reason": "r" }),
            "",
            "exactly_one",
        ),
        (
            json!({ "session_id": session, "user_id": user, "reason": "r" }),
            "",
            "exactly_one",
        ),
        (
            json!({ "role": "user", "all": true, "reason": "r" }),
            "",
            "exactly_one",
        ),
        (
            json!({ "except_session_id": session, "reason": "r" }),
            "",
            "exactly_one",
        ),
        (json!({ "session_id": null, "reason": "r" }), "", "exactly_one"),
        (json!({ "all": false, "reason": "r" }), "all", "invalid"),
        (json!({ "all": "true", "reason": "r" }), "all", "invalid_type"),
        (json!({ "all": 1, "reason": "r" }), "all", "invalid_type"),
        (
            json!({ "role": "user", "except_session_id": session, "reason": "r" }),
            "except_session_id",
            "invalid",
        ),
        (
            json!({ "all": true, "except_session_id": session, "reason": "r" }),
            "except_session_id",
            "invalid",
        ),
        (
            json!({ "session_id": session, "except_session_id": session, "reason": "r" }),
            "except_session_id",
            "invalid",
        ),
        (
            json!({ "user_id": user, "except_session_id": "x", "reason": "r" }),
            "except_session_id",
            "invalid",
        ),
        (
            json!({ "session_id": "x", "reason": "r" }),
            "session_id",
            "invalid",
        ),
        (
            json!({ "user_id": [user], "reason": "r" }),
            "user_id",
            "invalid_type",
        ),
        (json!({ "role": "", "reason": "r" }), "role", "too_short"),
        (json!({ "all": true }), "reason", "required"),
        (json!({ "all": true, "reason": "" }), "reason", "too_short"),
        (json!({ "all": true, "reason": " " }), "reason", "too_short"),
        (json!({ "all": true, "reason": long }), "reason", "too_long"),
        (json!({ "all": true, "reason": "a\r\nb" }), "reason", "invalid"),
        (
            json!({ "all": true, "reason": "r", "message": long }),
            "message",
            "too_long",
        ),
        (
            json!({ "all": true, "reason": "r", "message": "a\u{0}" }),
            "message",
            "invalid",
        ),
        (
            json!({ "all": true, "reason": "r", "dry_run": "no" }),
            "dry_run",
            "invalid_type",
        ),
        (
            json!({ "all": true, "reason": "r", "sessions": [] }),
            "sessions",
            "unknown_field",
        ),
    ] {
        let answer = crowd.app.post_as(&crowd.key, PATH, body.clone()).await;
        let problem = answer.problem(422, "validation_failed");
        let found = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .any(|error| error["field"] == field && error["code"] == code);
        assert!(found, "{body}: {problem}");
    }
    assert_eq!(crowd.living().await, [true; 6]);
    // 200 characters are not too many, however many bytes they have.
    let body = json!({ "session_id": session, "reason": "ä".repeat(200), "message": "ü".repeat(200) });
    crowd.app.post_as(&crowd.key, PATH, body).await.expect(200);
}

#[tokio::test]
async fn whom_nobody_knows_cannot_be_signed_out() {
    let crowd = Crowd::gather().await;
    for (body, what) in [
        (json!({ "session_id": NOBODY, "reason": "r" }), "session"),
        (json!({ "user_id": NOBODY, "reason": "r" }), "user"),
        (json!({ "role": "nobody", "reason": "r" }), "role"),
        (
            json!({ "session_id": NOBODY, "reason": "r", "dry_run": true }),
            "session",
        ),
    ] {
        let answer = crowd.app.post_as(&crowd.key, PATH, body).await;
        let problem = answer.problem(404, "not_found");
        assert!(problem["detail"].as_str().unwrap().contains(what), "{problem}");
    }
    assert_eq!(crowd.living().await, [true; 6]);
    assert_eq!(crowd.app.count("revocations").await, 0);
}

#[tokio::test]
async fn a_manager_cannot_sign_out_whoever_holds_more_but_a_service_key_can() {
    let crowd = Crowd::gather().await;
    let moderator = crowd.moderator.1.access.as_str();
    let (boss, admins) = (&crowd.admin.0.id, &crowd.admin.1.session);
    for selector in [
        json!({ "session_id": admins }),
        json!({ "user_id": boss }),
        json!({ "role": "admin" }),
        json!({ "all": true }),
        json!({ "all": true, "dry_run": true }),
    ] {
        let mut body = selector.clone();
        body["reason"] = "a test".into();
        let refused = crowd
            .app
            .post_as(moderator, PATH, body)
            .await
            .problem(403, "forbidden");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("`users:write`"), "{selector}: {detail}");
    }
    assert_eq!(crowd.living().await, [true; 6]);
    assert_eq!(
        crowd
            .app
            .count("audit where action = 'session.revoke' and outcome = 'forbidden'")
            .await,
        5
    );

    let order = json!({ "user_id": crowd.ada.0.id, "reason": "a test" });
    let done = crowd.app.post_as(moderator, PATH, order).await.expect(200).json();
    assert_eq!(done["sessions_revoked"], 2);
    assert_eq!(
        crowd.revoke(json!({ "user_id": boss })).await["sessions_revoked"],
        1
    );
    assert_eq!(crowd.living().await, [false, false, true, true, true, false]);
}

#[tokio::test]
async fn a_session_whose_person_is_gone_was_revoked_before() {
    let crowd = Crowd::gather().await;
    let (ada, [session, _]) = &crowd.ada;
    let boss = crowd.admin.1.access.as_str();
    let path = format!("/api/users/{}", ada.id);
    crowd.app.delete_as(boss, &path).await.expect(204);
    let selector = json!({ "session_id": session.session });
    let done = crowd.revoke(selector.clone()).await;
    assert_eq!(
        (&done["sessions_revoked"], &done["receipt"]["complete"]),
        (&json!(0), &json!(true))
    );
    // It holds nothing that a manager could lack.
    let order = json!({ "session_id": session.session, "reason": "a test" });
    let moderator = crowd.moderator.1.access.as_str();
    let done = crowd.app.post_as(moderator, PATH, order).await.expect(200).json();
    assert_eq!(done["sessions_revoked"], 0);
    let mut dry = selector;
    dry["dry_run"] = true.into();
    assert_eq!(crowd.revoke(dry).await["sessions_revoked"], 0);
    crowd
        .app
        .post_as(&crowd.key, PATH, json!({ "user_id": ada.id, "reason": "a test" }))
        .await
        .problem(404, "not_found");
    assert_eq!(crowd.living().await, [false, false, true, true, true, true]);
}
