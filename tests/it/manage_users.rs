//! Managers find, change and delete accounts: what they may, what the person hears of it, and what is left.

use portcullis::roles::Permission::{self, RolesWrite, SessionsRead, UsersRead, UsersWrite};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::document::NOBODY;
use crate::support::http::Answer;
use crate::support::people::{PASSWORD, Person};

impl TestApp {
    async fn change(&self, key: &str, user: &str, body: Value) -> Answer {
        let path = format!("/api/users/{user}");
        self.call("PATCH", &path, Some(key), Some(&body)).await
    }

    async fn remove(&self, key: &str, user: &str) -> Answer {
        self.delete_as(key, &format!("/api/users/{user}")).await
    }

    async fn found(&self, key: &str, query: &str) -> Vec<String> {
        let list = self
            .get_as(key, &format!("/api/users?{query}"))
            .await
            .expect(200)
            .json();
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|user| user["email"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn users_are_found_by_text_role_and_status() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[UsersRead, UsersWrite]).await;
    hub.register("pending@example.org").await.expect(202);
    let ada = hub.person("ada@example.org", "user").await;
    hub.person("mo@example.org", "moderator").await;
    let name = json!({ "name": "Ada 100% Lovelace" });
    hub.change(&key, &ada.id, name).await.expect(200);
    hub.disable(&ada).await;
    for (query, found) in [
        (
            "q=EXAMPLE.ORG",
            vec!["mo@example.org", "ada@example.org", "pending@example.org"],
        ),
        ("q=example.org&limit=1", vec!["mo@example.org"]),
        ("q=lovelace", vec!["ada@example.org"]),
        ("q=100%25", vec!["ada@example.org"]),
        ("q=%25", vec!["ada@example.org"]),
        ("q=_", vec![]),
        ("q=%5C", vec![]),
        (
            "q=",
            vec!["mo@example.org", "ada@example.org", "pending@example.org"],
        ),
        ("role=moderator", vec!["mo@example.org"]),
        ("role=nobody", vec![]),
        ("status=disabled", vec!["ada@example.org"]),
        ("status=pending", vec!["pending@example.org"]),
        ("status=active&role=moderator&q=mo", vec!["mo@example.org"]),
        ("status=active&role=user", vec![]),
    ] {
        assert_eq!(hub.found(&key, query).await, found, "{query}");
    }
    for query in [
        "status=gone",
        "q=%00",
        "q=a%0Ab",
        "role=",
        "role=%00",
        "sort=email",
    ] {
        let answer = hub.get_as(&key, &format!("/api/users?{query}")).await;
        answer.problem(422, "validation_failed");
    }
    let longest = hub
        .get_as(&key, &format!("/api/users?q={}", "a".repeat(255)))
        .await;
    longest.problem(422, "validation_failed");
}

#[tokio::test]
async fn a_list_goes_on_although_the_user_where_a_page_ended_is_gone() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[UsersRead, UsersWrite]).await;
    let mut people = Vec::new();
    for number in 0..4 {
        people.push(hub.person(&format!("a{number}@example.org"), "user").await);
    }
    let page = hub.get_as(&key, "/api/users?limit=2").await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    hub.remove(&key, &people[2].id).await.expect(204);
    let rest = hub.found(&key, &format!("limit=2&cursor={cursor}")).await;
    assert_eq!(rest, ["a1@example.org", "a0@example.org"]);
}

#[tokio::test]
async fn t28_a_manager_changes_name_and_status_and_nothing_else() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[UsersWrite, UsersRead]).await;
    let ada = hub.person("ada@example.org", "user").await;
    let changed = hub
        .change(&key, &ada.id, json!({ "name": "  Ada Lovelace " }))
        .await;
    let changed = changed.expect(200).json();
    assert_eq!(
        (&changed["name"], &changed["version"], &changed["status"]),
        (&json!("Ada Lovelace"), &json!(1), &json!("active"))
    );
    let read = hub
        .get_as(&key, &format!("/api/users/{}", ada.id))
        .await
        .expect(200);
    assert_eq!(read.json(), changed);
    for body in [
        json!({ "site_role": "admin" }),
        json!({ "name": "x", "email": "eve@example.org" }),
        json!({ "email_verified": true }),
        json!({ "version": 9 }),
        json!({ "id": NOBODY }),
        json!({ "password": PASSWORD }),
        json!({ "created_at": "2020-01-01T00:00:00Z" }),
        json!({ "status": "pending" }),
        json!({ "status": "deleted" }),
        json!({ "status": true }),
        json!({ "name": "a\nb" }),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": 7 }),
        // All or nothing.
        json!({ "status": "disabled", "name": "\u{202e}" }),
    ] {
        let answer = hub.change(&key, &ada.id, body.clone()).await;
        answer.problem(422, "validation_failed");
        let read = hub.get_as(&key, &format!("/api/users/{}", ada.id)).await;
        assert_eq!(read.json(), changed, "{body}");
    }
    assert_eq!(
        hub.change(&key, &ada.id, json!({})).await.expect(200).json(),
        changed
    );
    for name in [json!(null), json!(""), json!(" ")] {
        hub.change(&key, &ada.id, json!({ "name": "Ada" }))
            .await
            .expect(200);
        let nameless = hub.change(&key, &ada.id, json!({ "name": name })).await;
        assert_eq!(nameless.expect(200).json()["name"], Value::Null);
    }
    hub.change(&key, NOBODY, json!({ "name": "Eve" }))
        .await
        .problem(404, "not_found");
    let acts = "select details from audit where action = 'user.update' and outcome = 'ok' order by at, id";
    let acts = hub.texts(acts).await;
    assert_eq!(acts, vec![Some(r#"{"fields":["name"]}"#.to_owned()); 7]);
}

#[tokio::test]
async fn t04_disabling_signs_out_and_enabling_lets_in_again() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[UsersWrite, UsersRead]).await;
    let (ada, pair) = hub.signed_in("ada@example.org", "user").await;
    let (mut socket, _) = hub.open(&pair.access).await;
    let answer = hub.change(&key, &ada.id, json!({ "status": "disabled" })).await;
    let answer = answer.expect(200).json();
    assert_eq!(
        (&answer["status"], &answer["version"]),
        (&json!("disabled"), &json!(2))
    );
    socket.signed_out("account_disabled").await;
    hub.get_as(&pair.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hub.try_refresh(&pair.refresh)
        .await
        .problem(401, "session_revoked");
    let refused = hub.try_sign_in(&ada.email, PASSWORD).await;
    refused.problem(403, "account_disabled");
    // What is so already stays so.
    let again = hub.change(&key, &ada.id, json!({ "status": "disabled" })).await;
    assert_eq!(again.expect(200).json()["version"], 2);
    let enabled = hub
        .change(&key, &ada.id, json!({ "status": "active", "name": "Ada" }))
        .await;
    let enabled = enabled.expect(200).json();
    assert_eq!(
        (&enabled["version"], &enabled["name"]),
        (&json!(3), &json!("Ada"))
    );
    hub.sign_in(&ada.email).await;
    // The sessions of before stay ended.
    hub.get_as(&pair.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    assert_eq!(
        hub.count("audit where action = 'user.status' and outcome = 'ok'")
            .await,
        2
    );
}

#[tokio::test]
async fn an_account_never_activated_is_not_changed_but_can_be_deleted() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[UsersWrite, UsersRead]).await;
    hub.register("ada@example.org").await.expect(202);
    let list = hub.get_as(&key, "/api/users").await.expect(200).json();
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    for body in [
        json!({ "status": "active" }),
        json!({ "status": "disabled" }),
        json!({ "name": "Eve" }),
    ] {
        hub.change(&key, &id, body).await.problem(409, "conflict");
    }
    let token = hub.mailed_token("ada@example.org", 1).await;
    hub.remove(&key, &id).await.expect(204);
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .problem(410, "token_spent");
    assert_eq!(hub.count("users").await, 0);
}

#[tokio::test]
async fn who_is_deleted_is_erased_signed_out_and_may_come_again() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[UsersWrite, UsersRead]).await;
    let (ada, _) = hub.signed_in("ada@example.org", "user").await;
    hub.change(&key, &ada.id, json!({ "name": "Augusta Ada" }))
        .await
        .expect(200);
    let body = json!({ "email": ada.email, "password": PASSWORD, "device": "Augusta's phone" });
    let pair = crate::support::Pair::of(&hub.post("/api/auth", body).await.expect(200));
    let (bob, bobs) = hub.signed_in("bob@example.org", "user").await;
    let (mut socket, _) = hub.open(&pair.access).await;
    hub.post("/api/auth/recovery", json!({ "email": ada.email }))
        .await
        .expect(202);
    let token = hub.mailed_token(&ada.email, 1).await;

    assert!(hub.remove(&key, &ada.id).await.expect(204).bytes.is_empty());
    socket.signed_out("account_deleted").await;
    hub.get_as(&pair.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hub.try_refresh(&pair.refresh).await.problem(401, "invalid_token");
    hub.try_sign_in(&ada.email, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    let recovery = format!("/api/auth/recovery/{token}");
    hub.post(&recovery, json!({ "password": PASSWORD }))
        .await
        .problem(410, "token_spent");
    let path = format!("/api/users/{}", ada.id);
    hub.get_as(&key, &path).await.problem(404, "not_found");
    hub.remove(&key, &ada.id).await.problem(404, "not_found");

    // The mailbox stands for the person's own, and the journal is gone within a day.
    for word in ["ada@example.org", "augusta"] {
        let mut rows = hub.rows_with(word).await;
        rows.retain(|row| !row.starts_with("mailbox:") && !row.starts_with("journal:"));
        assert!(rows.is_empty(), "{word}: {rows:?}");
    }
    let tombstones = "sessions where revoked_reason = 'account_deleted' and ip = ''";
    assert_eq!(hub.count(tombstones).await, 2);
    let acts = hub
        .texts("select actor from audit where action = 'user.delete' and outcome = 'ok'")
        .await;
    assert!(acts[0].as_ref().unwrap().starts_with("service_key:"), "{acts:?}");

    hub.get_as(&bobs.access, "/api/users/me").await.expect(200);
    hub.get_as(&key, &format!("/api/users/{}", bob.id))
        .await
        .expect(200);
    let again = hub.person("ada@example.org", "user").await;
    assert_ne!(again.id, ada.id);
}

#[tokio::test]
async fn t21_nobody_touches_who_holds_a_permission_that_they_lack() {
    let hub = TestApp::spawn().await;
    let alone = hub.service_key(&[UsersWrite]).await;
    let all = hub.service_key(Permission::ALL).await;
    let ada = hub.person("ada@example.org", "user").await;
    let mo = hub.person("mo@example.org", "moderator").await;
    let boss = hub.person("boss@example.org", "admin").await;
    hub.person("second@example.org", "admin").await;
    hub.person("third@example.org", "admin").await;
    for (person, lacking) in [
        (&ada, None),
        (&mo, Some("users:read")),
        (&boss, Some("users:read")),
    ] {
        for body in [
            Some(json!({ "name": "Eve" })),
            Some(json!({ "status": "disabled" })),
            Some(json!({ "status": "active" })),
            None,
        ] {
            let answer = match &body {
                Some(body) => hub.change(&alone, &person.id, body.clone()).await,
                None => hub.remove(&alone, &person.id).await,
            };
            match lacking {
                None => assert!((200..300).contains(&answer.status), "{}", answer.text()),
                Some(permission) => {
                    let problem = answer.problem(403, "forbidden");
                    let detail = problem["detail"].as_str().unwrap();
                    assert!(detail.contains(&format!("`{permission}`")), "{detail}");
                }
            }
        }
        if lacking.is_some() {
            let untouched = format!(
                "users where email = '{}' and status = 'active' and version = 1 and name is null",
                person.email
            );
            assert_eq!(hub.count(&untouched).await, 1);
        }
    }
    for (action, count) in [("user.update", 2), ("user.status", 4), ("user.delete", 2)] {
        let refused = format!("audit where action = '{action}' and outcome = 'forbidden'");
        assert_eq!(hub.count(&refused).await, count, "{action}");
    }
    hub.change(&all, &mo.id, json!({ "status": "disabled" }))
        .await
        .expect(200);
    hub.remove(&all, &boss.id).await.expect(204);
}

#[tokio::test]
async fn the_last_admin_is_neither_disabled_nor_deleted() {
    let hub = TestApp::spawn().await;
    let (boss, pair) = hub.signed_in("boss@example.org", "admin").await;
    let other = hub.person("other@example.org", "admin").await;
    hub.disable(&other).await;
    let disable = json!({ "status": "disabled" });
    hub.change(&pair.access, &boss.id, disable.clone())
        .await
        .problem(409, "last_admin");
    hub.remove(&pair.access, &boss.id)
        .await
        .problem(409, "last_admin");
    // One who is disabled does not count, and can go.
    hub.remove(&pair.access, &other.id).await.expect(204);
    hub.person("third@example.org", "admin").await;
    hub.remove(&pair.access, &boss.id).await.expect(204);
    hub.get_as(&pair.access, "/api/users")
        .await
        .problem(401, "session_revoked");
}

#[tokio::test]
async fn of_two_acts_on_the_last_two_admins_one_is_refused() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(Permission::ALL).await;
    for round in 0..6 {
        let first = hub.person(&format!("a{round}@example.org"), "admin").await;
        let second = hub.person(&format!("b{round}@example.org"), "admin").await;
        // Whoever was left in the round before goes first.
        let left = "select cast(email as text) from users where site_role = 'admin' and status = 'active'";
        for email in hub.texts(left).await.into_iter().flatten() {
            if email != first.email && email != second.email {
                let email = portcullis::email::Email::parse(&email).unwrap();
                hub.app.roles.assign_by_email(&email, "user").await.unwrap();
            }
        }
        let demote = |person: &Person| {
            let (caller, key) = (hub.caller.clone(), key.clone());
            let path = format!("/api/users/{}/site_role", person.id);
            async move { caller.put_as(&key, &path, json!({ "role": "user" })).await.status }
        };
        let acts = async {
            match round % 3 {
                0 => {
                    let (one, two) = tokio::join!(hub.remove(&key, &first.id), hub.remove(&key, &second.id));
                    [one.status, two.status]
                }
                1 => {
                    let disable = hub.change(&key, &second.id, json!({ "status": "disabled" }));
                    let (one, two) = tokio::join!(hub.remove(&key, &first.id), disable);
                    [one.status, two.status]
                }
                _ => {
                    let (one, two) = tokio::join!(hub.remove(&key, &first.id), demote(&second));
                    [one.status, two]
                }
            }
        };
        let statuses = acts.await;
        assert_eq!(
            statuses.iter().filter(|status| **status == 409).count(),
            1,
            "{statuses:?}"
        );
        let active = "users where site_role = 'admin' and status = 'active'";
        assert_eq!(hub.count(active).await, 1);
    }
}

#[tokio::test]
async fn t21_reading_is_not_writing_and_writing_is_not_reading() {
    let hub = TestApp::spawn().await;
    let ada = hub.person("ada@example.org", "user").await;
    let reader = hub.service_key(&[UsersRead, SessionsRead]).await;
    let writer = hub.service_key(&[UsersWrite, RolesWrite]).await;
    let refused = hub.change(&reader, &ada.id, json!({ "name": "Eve" })).await;
    refused.problem(403, "forbidden");
    hub.remove(&reader, &ada.id).await.problem(403, "forbidden");
    for path in [
        "/api/users",
        "/api/sessions",
        "/api/roles",
        "/api/audit",
        "/api/mails",
    ] {
        hub.get_as(&writer, path).await.problem(403, "forbidden");
    }
    assert_eq!(hub.count("users where name is null").await, 1);
}
