//! One's own sessions: the list, and ending them.

use serde_json::{Value, json};

use super::*;

impl TestApp {
    async fn own_sessions(&self, bearer: &str) -> Vec<Value> {
        let listed = self
            .get_as(bearer, "/api/users/me/sessions")
            .await
            .expect(200)
            .json();
        assert_eq!(listed.as_object().unwrap().len(), 1);
        listed["items"].as_array().unwrap().clone()
    }

    async fn end_session(&self, bearer: &str, id: &str) -> Answer {
        self.delete_as(bearer, &format!("/api/users/me/sessions/{id}"))
            .await
    }
}

#[tokio::test]
async fn a_person_sees_where_they_are_signed_in_and_from_what() {
    let hub = Tuning::new().forwarded().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    hub.person("bob@example.org", "user").await;
    hub.sign_in("bob@example.org").await;
    hub.person(ADA, "user").await;
    let first = hub.sign_in_with(FIREFOX, "192.0.2.7", ADA).await;
    clock.advance(std::time::Duration::from_secs(10));
    let named = json!({ "email": ADA, "password": PASSWORD, "device": "Ada's phone" });
    let second = Pair::of(&hub.post("/api/auth", named).await.expect(200));
    let (_socket, _) = hub.open(&first.access).await;

    let items = hub.own_sessions(&second.access).await;
    assert_eq!(items.len(), 2);
    insta::assert_json_snapshot!(items[1], {
        ".id" => "[id]", ".created_at" => "[time]", ".last_seen_at" => "[time]",
        ".connections[].id" => "[id]", ".connections[].node" => "[id]", ".connections[].since" => "[time]",
    }, @r#"
    {
      "connections": [
        {
          "id": "[id]",
          "ip": "127.0.0.1",
          "node": "[id]",
          "since": "[time]"
        }
      ],
      "created_at": "[time]",
      "current": false,
      "device": "Firefox on Linux",
      "id": "[id]",
      "ip": "192.0.2.7",
      "last_seen_at": "[time]",
      "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
    }
    "#);
    assert_eq!(
        items[1]["connections"][0]["node"],
        hub.app.cx.hub.node().to_string()
    );
    let about = |item: &Value| {
        (
            item["id"].clone(),
            item["device"].clone(),
            item["current"].clone(),
        )
    };
    assert_eq!(
        about(&items[0]),
        (json!(second.session), json!("Ada's phone"), json!(true))
    );
    assert_eq!(
        about(&items[1]),
        (json!(first.session), json!("Firefox on Linux"), json!(false))
    );
    assert_eq!(items[0]["connections"], json!([]));
    assert_eq!(items[0]["ip"], "127.0.0.1");
}

#[tokio::test]
async fn one_session_is_ended_and_its_sockets_with_it() {
    let hub = TestApp::spawn().await;
    let (_, laptop) = hub.signed_in(ADA, "user").await;
    let phone = hub.sign_in(ADA).await;
    let (mut there, _) = hub.open(&phone.access).await;
    hub.end_session(&laptop.access, &phone.session).await.expect(204);
    let goodbye = there.signed_out("logout").await;
    assert_eq!(goodbye["scope"], "session");
    hub.get_as(&phone.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hub.end_session(&laptop.access, &phone.session).await.expect(204);
    assert_eq!(hub.own_sessions(&laptop.access).await.len(), 1);
    assert_eq!(hub.count("audit where action = 'session.logout'").await, 1);
    hub.end_session(&laptop.access, &laptop.session).await.expect(204);
    hub.get_as(&laptop.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
}

#[tokio::test]
async fn all_others_are_ended_and_this_one_stays() {
    let hub = TestApp::spawn().await;
    let (_, bob) = hub.signed_in("bob@example.org", "user").await;
    let (_, laptop) = hub.signed_in(ADA, "user").await;
    let (phone, tablet) = (hub.sign_in(ADA).await, hub.sign_in(ADA).await);
    let (mut there, _) = hub.open(&phone.access).await;
    let (mut here, _) = hub.open(&laptop.access).await;
    hub.delete_as(&laptop.access, "/api/users/me/sessions")
        .await
        .expect(204);
    there.signed_out("logout").await;
    for gone in [&phone, &tablet] {
        hub.try_refresh(&gone.refresh)
            .await
            .problem(401, "session_revoked");
    }
    hears_of_others(&mut here, "logout").await;
    is_open(&mut here).await;
    hub.get_as(&bob.access, "/api/users/me").await.expect(200);
    let items = hub.own_sessions(&laptop.access).await;
    assert_eq!((items.len(), &items[0]["current"]), (1, &json!(true)));
}

#[tokio::test]
async fn t28_the_sessions_of_others_are_as_unknown_as_those_that_never_were() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let (_, boss) = hub.signed_in("boss@example.org", "admin").await;
    let (_, bob) = hub.signed_in("bob@example.org", "user").await;
    let (mut socket, _) = hub.open(&bob.access).await;
    for caller in [&ada, &boss] {
        let unknown = hub
            .end_session(&caller.access, crate::support::document::NOBODY)
            .await;
        unknown.problem(404, "not_found");
        let others = hub.end_session(&caller.access, &bob.session).await;
        assert_eq!(others.likeness(), unknown.likeness());
        for odd in ["x", "..%2fme", "'", "%00"] {
            hub.end_session(&caller.access, odd)
                .await
                .problem(404, "not_found");
        }
        assert_eq!(hub.own_sessions(&caller.access).await.len(), 1);
    }
    is_open(&mut socket).await;
    hub.get_as(&bob.access, "/api/users/me").await.expect(200);
    // Both callers, both ids: the log tells the two apart by what was wanted, the caller cannot.
    let tried = vec!["not_found"; 4];
    assert_eq!(hub.refusals("session.logout").await, tried);
}

#[tokio::test]
async fn t15_nobody_fills_the_log_by_asking_for_sessions_that_are_not_theirs() {
    let hub = Tuning::new()
        .manual_clock()
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let mut refused = 0;
    loop {
        let nobody = crate::support::document::NOBODY;
        let answer = hub.end_session(&ada.access, nobody).await;
        if answer.status == 429 {
            break;
        }
        answer.problem(404, "not_found");
        refused += 1;
        assert!(refused < 2_000, "nobody counts");
    }
    assert_eq!(hub.refusals("session.logout").await.len(), refused);
    // Who may is not held up by it.
    hub.end_session(&ada.access, &ada.session).await.expect(204);
}
