//! Live sessions and their sockets, as managers see them: one user's, everybody's, across nodes.

use portcullis::roles::Permission::{self, SessionsRead};
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::document::NOBODY;
use crate::support::redis::{fresh_prefix, shared};
use crate::support::{database, eventually};

impl TestApp {
    async fn listed(&self, key: &str, query: &str) -> Value {
        self.get_as(key, &format!("/api/sessions?{query}"))
            .await
            .expect(200)
            .json()
    }
}

fn ids(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|session| session["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_users_sessions_are_shown_with_their_sockets() {
    let hub = TestApp::spawn().await;
    let (boss, own) = hub.signed_in("boss@example.org", "admin").await;
    let (ada, first) = hub.signed_in("ada@example.org", "user").await;
    let second = hub.sign_in("ada@example.org").await;
    let ended = hub.sign_in("ada@example.org").await;
    hub.post_as(&ended.access, "/api/auth/logout", json!({}))
        .await
        .expect(204);
    let (_one, ready) = hub.open(&first.access).await;
    let (_two, _) = hub.open(&first.access).await;
    let path = format!("/api/users/{}/sessions", ada.id);
    let answer = hub.get_as(&own.access, &path).await.expect(200).json();
    assert_eq!(answer.as_object().unwrap().len(), 1);
    assert_eq!(ids(&answer), [second.session.as_str(), first.session.as_str()]);
    let shown = &answer["items"][1];
    assert_eq!(shown["connections"].as_array().unwrap().len(), 2);
    assert_eq!(shown["connections"][0]["id"], ready["connection_id"]);
    assert_eq!(shown["connections"][0]["node"], hub.app.cx.hub.node().to_string());
    insta::assert_json_snapshot!(shown, {
        ".id" => "[id]", ".user_id" => "[id]", ".created_at" => "[time]", ".last_seen_at" => "[time]",
        ".connections[].id" => "[id]", ".connections[].node" => "[id]", ".connections[].since" => "[time]",
    }, @r#"
    {
      "connections": [
        {
          "id": "[id]",
          "ip": "127.0.0.1",
          "node": "[id]",
          "since": "[time]"
        },
        {
          "id": "[id]",
          "ip": "127.0.0.1",
          "node": "[id]",
          "since": "[time]"
        }
      ],
      "created_at": "[time]",
      "current": false,
      "device": null,
      "id": "[id]",
      "ip": "127.0.0.1",
      "last_seen_at": "[time]",
      "user_agent": null,
      "user_id": "[id]"
    }
    "#);
    assert_eq!(answer["items"][0]["connections"], json!([]));
    let path = format!("/api/users/{}/sessions", boss.id);
    let mine = hub.get_as(&own.access, &path).await.expect(200).json();
    assert_eq!(
        (&mine["items"][0]["current"], ids(&mine)),
        (&json!(true), vec![own.session.as_str()])
    );
    let path = format!("/api/users/{NOBODY}/sessions");
    hub.get_as(&own.access, &path).await.problem(404, "not_found");
}

#[tokio::test]
async fn everybodys_live_sessions_are_listed_by_pages() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[SessionsRead]).await;
    assert_eq!(
        hub.listed(&key, "").await,
        json!({ "items": [], "next_cursor": null })
    );
    let (ada, first) = hub.signed_in("ada@example.org", "user").await;
    let (_, bobs) = hub.signed_in("bob@example.org", "user").await;
    let mut sessions = vec![first.session.clone(), bobs.session.clone()];
    for _ in 0..3 {
        sessions.push(hub.sign_in("ada@example.org").await.session);
    }
    sessions.reverse();
    let (_socket, _) = hub.open(&first.access).await;
    let (_other, _) = hub.open(&bobs.access).await;
    let without = &sessions[..3];
    let connected = [bobs.session.as_str(), first.session.as_str()];
    let of_ada: Vec<&str> = sessions
        .iter()
        .map(String::as_str)
        .filter(|id| *id != bobs.session)
        .collect();
    for (filter, expected) in [
        (
            String::new(),
            sessions.iter().map(String::as_str).collect::<Vec<_>>(),
        ),
        ("connected=true".to_owned(), connected.to_vec()),
        (
            "connected=false".to_owned(),
            without.iter().map(String::as_str).collect(),
        ),
        (format!("user_id={}", ada.id), of_ada),
        (
            format!("user_id={}&connected=true", ada.id),
            vec![first.session.as_str()],
        ),
        (format!("user_id={NOBODY}"), vec![]),
        (format!("user_id={NOBODY}&connected=true"), vec![]),
    ] {
        for limit in [1, 2, 5, 200] {
            let (mut read, mut cursor) = (Vec::new(), String::new());
            loop {
                let query = format!("limit={limit}&{filter}{cursor}");
                let page = hub.listed(&key, query.trim_end_matches('&')).await;
                assert!(ids(&page).len() <= limit, "{filter}");
                read.extend(ids(&page).into_iter().map(str::to_owned));
                match &page["next_cursor"] {
                    Value::String(next) => cursor = format!("&cursor={next}"),
                    _ => break,
                }
            }
            assert_eq!(read, expected, "{filter} by {limit}");
        }
    }
    for query in [
        "connected=1",
        "connected=",
        "user_id=ada",
        "limit=0",
        "limit=201",
        "cursor=x",
        "role=user",
    ] {
        let answer = hub.get_as(&key, &format!("/api/sessions?{query}")).await;
        answer.problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn a_session_that_ran_out_is_not_listed() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let key = hub.service_key(&[SessionsRead]).await;
    hub.signed_in("ada@example.org", "user").await;
    assert_eq!(ids(&hub.listed(&key, "").await).len(), 1);
    let clock = hub.clock.as_ref().unwrap();
    clock.advance(std::time::Duration::from_hours(14 * 24));
    assert!(ids(&hub.listed(&key, "").await).is_empty());
}

#[tokio::test]
async fn sockets_of_other_nodes_are_shown_by_way_of_redis() {
    let (url, prefix) = (database::fresh_postgres().await, fresh_prefix());
    let node = |prefix: &str| Tuning::new().database(&url).redis(shared(), prefix).spawn();
    let (here, there) = (node(&prefix).await, node(&prefix).await);
    let key = here.service_key(Permission::ALL).await;
    let (ada, pair) = there.signed_in("ada@example.org", "user").await;
    let (_socket, ready) = there.open(&pair.access).await;
    let path = format!("/api/users/{}/sessions", ada.id);
    eventually("the other node's socket is known here", || async {
        let list = here.get_as(&key, &path).await.expect(200).json();
        let connections = list["items"][0]["connections"].as_array().unwrap().clone();
        let known = connections.first()?;
        assert_eq!(known["id"], ready["connection_id"]);
        assert_eq!(known["node"], there.app.cx.hub.node().to_string());
        Some(())
    })
    .await;
    assert_eq!(
        ids(&here.listed(&key, "connected=true").await),
        [pair.session.as_str()]
    );
    assert!(ids(&here.listed(&key, "connected=false").await).is_empty());
}
