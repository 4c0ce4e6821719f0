//! `POST /api/revocations`: whose sessions end, who may end them, and what the answer says.

use portcullis::roles::Permission;
use serde_json::{Value, json};

use crate::support::Pair;
use crate::support::app::TestApp;
use crate::support::people::Person;

mod refused;

const PATH: &str = "/api/revocations";

/// Two people with the role `user`, of two sessions each, and a moderator and an admin of one.
struct Crowd {
    app: TestApp,
    key: String,
    ada: (Person, [Pair; 2]),
    eve: (Person, [Pair; 2]),
    moderator: (Person, Pair),
    admin: (Person, Pair),
}

impl Crowd {
    async fn gather() -> Self {
        let app = TestApp::spawn().await;
        let mut pairs = Vec::new();
        for email in ["ada@example.org", "eve@example.org"] {
            let (person, first) = app.signed_in(email, "user").await;
            let second = app.sign_in(email).await;
            pairs.push((person, [first, second]));
        }
        let moderator = app.signed_in("mo@example.org", "moderator").await;
        let admin = app.signed_in("boss@example.org", "admin").await;
        let key = app.service_key(&[Permission::SessionsRevoke]).await;
        let eve = pairs.pop().unwrap();
        let ada = pairs.pop().unwrap();
        Self {
            app,
            key,
            ada,
            eve,
            moderator,
            admin,
        }
    }

    async fn revoke(&self, body: Value) -> Value {
        let mut order = body;
        order["reason"] = "a test".into();
        self.app.post_as(&self.key, PATH, order).await.expect(200).json()
    }

    /// Which sessions still live: ada's two, eve's two, the moderator's, the admin's.
    async fn living(&self) -> [bool; 6] {
        let pairs = [
            &self.ada.1[0],
            &self.ada.1[1],
            &self.eve.1[0],
            &self.eve.1[1],
            &self.moderator.1,
            &self.admin.1,
        ];
        let mut living = [false; 6];
        for (lives, pair) in living.iter_mut().zip(pairs) {
            let answer = self.app.get_as(&pair.access, "/api/users/me").await;
            *lives = answer.status == 200;
            if !*lives {
                answer.problem(401, "session_revoked");
                self.app
                    .get_as(&pair.access, "/api/auth/socket")
                    .await
                    .problem(401, "session_revoked");
            }
        }
        living
    }
}

#[tokio::test]
async fn each_selector_ends_its_own_sessions_and_no_others() {
    let crowd = Crowd::gather().await;
    assert_eq!(crowd.living().await, [true; 6]);

    let one = crowd
        .revoke(json!({ "session_id": crowd.ada.1[0].session }))
        .await;
    assert_eq!(one["sessions_revoked"], 1);
    assert_eq!(crowd.living().await, [false, true, true, true, true, true]);

    let except = json!({ "user_id": crowd.eve.0.id, "except_session_id": crowd.eve.1[1].session });
    assert_eq!(crowd.revoke(except).await["sessions_revoked"], 1);
    assert_eq!(crowd.living().await, [false, true, false, true, true, true]);

    assert_eq!(
        crowd.revoke(json!({ "user_id": crowd.ada.0.id })).await["sessions_revoked"],
        1
    );
    assert_eq!(crowd.living().await, [false, false, false, true, true, true]);

    assert_eq!(
        crowd.revoke(json!({ "role": "user" })).await["sessions_revoked"],
        1
    );
    assert_eq!(crowd.living().await, [false, false, false, false, true, true]);

    assert_eq!(crowd.revoke(json!({ "all": true })).await["sessions_revoked"], 2);
    assert_eq!(crowd.living().await, [false; 6]);
    for pair in [&crowd.ada.1[0], &crowd.eve.1[1], &crowd.admin.1] {
        crowd
            .app
            .try_refresh(&pair.refresh)
            .await
            .problem(401, "session_revoked");
    }

    // Born after: spared.
    let fresh = crowd.app.sign_in("ada@example.org").await;
    let (_socket, ready) = crowd.app.open(&fresh.access).await;
    assert_eq!(ready["session_id"], fresh.session.as_str());
    let nobody_left = crowd.revoke(json!({ "role": "moderator" })).await;
    assert_eq!(nobody_left["sessions_revoked"], 0);
    crowd.app.get_as(&fresh.access, "/api/users/me").await.expect(200);
}

#[tokio::test]
async fn a_bulk_revocation_closes_each_socket_and_spares_the_sessions_born_after() {
    let crowd = Crowd::gather().await;
    let app = &crowd.app;
    for (selector, closed) in [(json!({ "role": "user" }), 2), (json!({ "all": true }), 3)] {
        let ada = app.sign_in("ada@example.org").await;
        let eve = app.sign_in("eve@example.org").await;
        let boss = app.sign_in("boss@example.org").await;
        let (mut ada, _) = app.open(&ada.access).await;
        let (mut eve, _) = app.open(&eve.access).await;
        let (mut hers, _) = app.open(&boss.access).await;
        let done = crowd.revoke(selector.clone()).await;
        assert_eq!(done["receipt"]["complete"], true, "{done}");
        assert!(
            done["receipt"]["sockets_closed"].as_u64() >= Some(closed),
            "{done}"
        );
        ada.signed_out("revoked").await;
        eve.signed_out("revoked").await;
        if closed == 3 {
            hers.signed_out("revoked").await;
        } else {
            app.get_as(&boss.access, "/api/users/me").await.expect(200);
            let gone = json!({ "session_id": boss.session });
            crowd.revoke(gone).await;
            hers.signed_out("revoked").await;
        }
        let later = app.sign_in("eve@example.org").await;
        let (mut later_socket, _) = app.open(&later.access).await;
        later_socket.say(json!({ "type": "token", "id": "1" })).await;
        later_socket.frame("token").await;
    }
}

#[tokio::test]
async fn the_answer_is_the_receipt_of_the_contract() {
    let crowd = Crowd::gather().await;
    let (mut socket, _) = crowd.app.open(&crowd.ada.1[0].access).await;
    let body = json!({ "session_id": crowd.ada.1[0].session, "reason": "left", "message": "Bye" });
    let path = format!("{PATH}?wait=all&timeout_ms=5000");
    let done = crowd
        .app
        .post_as(&crowd.key, &path, body.clone())
        .await
        .expect(200)
        .json();
    insta::assert_json_snapshot!(done, {
        ".id" => "[id]", ".sequence" => "[sequence]", ".receipt.slowest_ms" => "[ms]",
    }, @r#"
    {
      "id": "[id]",
      "receipt": {
        "acknowledged": 1,
        "complete": true,
        "nodes": 1,
        "pending": [],
        "slowest_ms": "[ms]",
        "sockets_closed": 1
      },
      "sequence": "[sequence]",
      "sessions_revoked": 1
    }
    "#);
    assert!(done["id"].as_str().unwrap().len() == 36 && done["sequence"].as_i64() > Some(0));
    assert!(done["receipt"]["slowest_ms"].as_u64().is_some());
    let goodbye = socket.signed_out("revoked").await;
    assert_eq!(
        (&goodbye["message"], &goodbye["code"]),
        (&"Bye".into(), &4001.into())
    );
    assert!(!goodbye.to_string().contains("left"), "the reason is for the log");

    // Already revoked: 200 with nothing, each way of waiting.
    for (wait, receipt) in [("none", false), ("local", true), ("all", true)] {
        let path = format!("{PATH}?wait={wait}");
        let again = crowd
            .app
            .post_as(&crowd.key, &path, body.clone())
            .await
            .expect(200)
            .json();
        assert_eq!(again["sessions_revoked"], 0, "{wait}");
        assert_eq!(again["receipt"].is_object(), receipt, "{wait}: {again}");
        if receipt {
            assert_eq!(
                again["receipt"],
                json!({ "complete": true, "nodes": 1, "acknowledged": 1, "sockets_closed": 0, "slowest_ms": 0, "pending": [] })
            );
        }
    }
    // The default is local.
    let default = crowd.revoke(json!({ "user_id": crowd.ada.0.id })).await;
    assert_eq!(default["receipt"]["complete"], true);
    let mut keys: Vec<&String> = default.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, ["id", "receipt", "sequence", "sessions_revoked"]);
    let log = "select details from audit where action = 'session.revoke' order by id";
    let log = crowd.app.texts(log).await;
    let line: Value = serde_json::from_str(log[0].as_ref().unwrap()).unwrap();
    assert_eq!((&line["reason"], &line["sessions"]), (&json!("left"), &json!(1)));
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let crowd = Crowd::gather().await;
    let (mut socket, _) = crowd.app.open(&crowd.ada.1[0].access).await;
    let before = (
        crowd.app.count("journal").await,
        crowd.app.count("revocations").await,
    );
    for (selector, count) in [
        (json!({ "session_id": crowd.ada.1[0].session }), 1),
        (json!({ "user_id": crowd.ada.0.id }), 2),
        (
            json!({ "user_id": crowd.ada.0.id, "except_session_id": crowd.ada.1[0].session }),
            1,
        ),
        (json!({ "role": "user" }), 4),
        (json!({ "role": "admin" }), 1),
        (json!({ "all": true }), 6),
    ] {
        let mut order = selector.clone();
        order["dry_run"] = true.into();
        let counted = crowd.revoke(order).await;
        assert_eq!(counted["sessions_revoked"], count, "{selector}");
        assert_eq!(counted["receipt"], Value::Null, "{selector}");
    }
    assert_eq!(
        (
            crowd.app.count("journal").await,
            crowd.app.count("revocations").await
        ),
        before
    );
    assert_eq!(crowd.living().await, [true; 6]);
    socket.say(json!({ "type": "token", "id": "1" })).await;
    socket.frame("token").await;
    // `false` is no dry run.
    let order = json!({ "session_id": crowd.ada.1[0].session, "dry_run": false });
    assert_eq!(crowd.revoke(order).await["sessions_revoked"], 1);
    socket.signed_out("revoked").await;
}

#[tokio::test]
async fn the_callers_own_session_is_not_spared() {
    let crowd = Crowd::gather().await;
    let admin = crowd.admin.1.access.as_str();
    let order = json!({ "all": true, "reason": "everybody out" });
    let done = crowd
        .app
        .post_as(admin, PATH, order.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(done["sessions_revoked"], 6);
    assert_eq!(crowd.living().await, [false; 6]);
    crowd
        .app
        .post_as(admin, PATH, order)
        .await
        .problem(401, "session_revoked");
}
