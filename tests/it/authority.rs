//! What a caller may do is decided when the act is done, not when its request came in (T21).

use portcullis::audit::{Actor, Origin};
use portcullis::ids::ServiceKeyId;
use portcullis::roles::{ADMIN, Permission};
use portcullis::store::{Tx, roles, users};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::app::{TestApp, Tuning};
use crate::support::locks::somebody_waits_for;

/// A request whose head was judged and whose body is still to come.
struct Held {
    stream: TcpStream,
    body: String,
}

impl Held {
    /// Sends the head, and waits until the server asks for the body: it has judged the caller then.
    async fn open(hub: &TestApp, method: &str, path: &str, bearer: &str, body: &Value) -> Self {
        let body = body.to_string();
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {bearer}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\
             Connection: close\r\n\r\n",
            hub.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { stream, body }
    }

    /// Sends the body; gives the status and the code of the answer.
    async fn finish(mut self) -> (u16, String) {
        self.stream.write_all(self.body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let json: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        (status, json["code"].as_str().unwrap_or_default().to_owned())
    }
}

fn operator() -> Origin {
    Origin::local(Actor::Operator)
}

fn key_id(secret: &str) -> ServiceKeyId {
    let id: uuid::Uuid = secret.split('_').nth(1).unwrap().parse().unwrap();
    id.into()
}

async fn role_of(hub: &TestApp, user: &str) -> String {
    hub.app
        .accounts
        .find(user.parse().unwrap())
        .await
        .unwrap()
        .site_role
}

#[tokio::test]
async fn t21_a_manager_who_is_demoted_while_the_body_is_on_its_way_changes_nothing() {
    let hub = TestApp::spawn().await;
    let (ada, _) = hub.signed_in("ada@example.org", "user").await;
    let (_, _) = hub.signed_in("chief@example.org", "admin").await;
    let (boss, pair) = hub.signed_in("boss@example.org", "admin").await;
    let path = format!("/api/users/{}/site_role", ada.id);
    let role = json!({ "role": "moderator" });
    let key = json!({ "name": "a way back in", "scopes": ["keys:write"] });
    let assign = Held::open(&hub, "PUT", &path, &pair.access, &role).await;
    let create = Held::open(&hub, "POST", "/api/service_keys", &pair.access, &key).await;
    let roles = &hub.app.roles;
    roles
        .assign(boss.id.parse().unwrap(), "user", &operator())
        .await
        .unwrap();
    assert_eq!(assign.finish().await, (403, "forbidden".to_owned()));
    assert_eq!(create.finish().await, (403, "forbidden".to_owned()));
    assert_eq!(role_of(&hub, &ada.id).await, "user");
    assert!(hub.app.service_keys.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn t21_a_manager_who_is_signed_out_while_the_body_is_on_its_way_changes_nothing() {
    let hub = TestApp::spawn().await;
    let (ada, _) = hub.signed_in("ada@example.org", "user").await;
    let (_, pair) = hub.signed_in("boss@example.org", "admin").await;
    let path = format!("/api/users/{}/site_role", ada.id);
    let key = json!({ "name": "a way back in", "scopes": ["keys:write"] });
    let role = json!({ "role": "moderator" });
    let assign = Held::open(&hub, "PUT", &path, &pair.access, &role).await;
    let create = Held::open(&hub, "POST", "/api/service_keys", &pair.access, &key).await;
    hub.post_as(&pair.access, "/api/auth/logout", json!({}))
        .await
        .expect(204);
    assert_eq!(assign.finish().await, (401, "session_revoked".to_owned()));
    assert_eq!(create.finish().await, (401, "session_revoked".to_owned()));
    assert_eq!(role_of(&hub, &ada.id).await, "user");
    assert!(hub.app.service_keys.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn t21_a_service_key_that_is_revoked_while_the_body_is_on_its_way_changes_nothing() {
    let hub = TestApp::spawn().await;
    let (ada, _) = hub.signed_in("ada@example.org", "user").await;
    let secret = hub
        .service_key(&[Permission::RolesWrite, Permission::KeysWrite])
        .await;
    let path = format!("/api/users/{}/site_role", ada.id);
    let key = json!({ "name": "a way back in", "scopes": ["keys:write"] });
    // The role `user` holds nothing, so nothing but the key itself can be missing.
    let assign = Held::open(&hub, "PUT", &path, &secret, &json!({ "role": "user" })).await;
    let create = Held::open(&hub, "POST", "/api/service_keys", &secret, &key).await;
    hub.app
        .service_keys
        .revoke(key_id(&secret), &operator())
        .await
        .unwrap();
    assert_eq!(assign.finish().await, (401, "invalid_token".to_owned()));
    assert_eq!(create.finish().await, (401, "invalid_token".to_owned()));
    assert_eq!(hub.app.service_keys.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn t21_guessing_at_service_keys_is_slowed_and_never_stops_a_good_one() {
    // Time stands still, or a slow machine gets some back meanwhile.
    let hub = Tuning::new()
        .manual_clock()
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await;
    let good = hub.service_key(&[Permission::KeysWrite]).await;
    let guess = format!("{}{}", &good[..37], "A".repeat(43));
    let mut refused = 0;
    loop {
        let answer = hub.get_as(&guess, "/api/service_keys").await;
        if answer.status == 429 {
            answer.problem(429, "rate_limited");
            assert!(answer.header("retry-after").is_some());
            break;
        }
        answer.problem(401, "invalid_token");
        refused += 1;
        assert!(refused < 2_000, "nobody counts");
    }
    assert_eq!(refused, 240, "as many as one address may present at once");
    hub.get_as(&good, "/api/service_keys").await.expect(200);
}

#[tokio::test]
async fn t21_who_lost_the_right_while_the_body_is_on_its_way_revokes_nothing() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in("ada@example.org", "user").await;
    let (_, _) = hub.signed_in("chief@example.org", "admin").await;
    let (boss, pair) = hub.signed_in("boss@example.org", "admin").await;
    let secret = hub.service_key(&[Permission::SessionsRevoke]).await;
    let order = json!({ "session_id": ada.session, "reason": "spite" });
    let by_person = Held::open(&hub, "POST", "/api/revocations", &pair.access, &order).await;
    let by_key = Held::open(&hub, "POST", "/api/revocations", &secret, &order).await;
    let roles = &hub.app.roles;
    roles
        .assign(boss.id.parse().unwrap(), "user", &operator())
        .await
        .unwrap();
    hub.app
        .service_keys
        .revoke(key_id(&secret), &operator())
        .await
        .unwrap();
    assert_eq!(by_person.finish().await, (403, "forbidden".to_owned()));
    assert_eq!(by_key.finish().await, (401, "invalid_token".to_owned()));
    hub.get_as(&ada.access, "/api/auth/site_role").await.expect(200);
}

/// Once somebody waits for what `holder` has locked, gives `user` the role and lets go.
async fn given_role(hub: &TestApp, mut holder: Tx, user: &str, role: &str) {
    somebody_waits_for(hub, &mut holder).await;
    users::set_site_role(&mut holder, user.parse().unwrap(), role, hub.now())
        .await
        .unwrap();
    holder.commit().await.unwrap();
}

#[tokio::test]
async fn t21_who_lost_the_right_while_the_act_waits_for_a_lock_revokes_nothing() {
    let hub = TestApp::spawn().await;
    let (person, ada) = hub.signed_in("ada@example.org", "user").await;
    hub.person("chief@example.org", "admin").await;
    for (at, mut order) in [
        json!({ "session_id": ada.session }),
        json!({ "user_id": person.id }),
    ]
    .into_iter()
    .enumerate()
    {
        order["reason"] = "spite".into();
        let (boss, pair) = hub.signed_in(&format!("boss{at}@example.org"), "admin").await;
        let mut holder = hub.app.cx.db.begin().await.unwrap();
        users::lock(&mut holder, person.id.parse().unwrap())
            .await
            .unwrap();
        let act = hub.post_as(&pair.access, "/api/revocations", order.clone());
        let (answer, ()) = tokio::join!(act, given_role(&hub, holder, &boss.id, "user"));
        answer.problem(403, "forbidden");
    }
    hub.get_as(&ada.access, "/api/auth/site_role").await.expect(200);
}

#[tokio::test]
async fn t21_who_lost_the_right_while_the_act_waits_for_a_lock_makes_no_admin() {
    let hub = TestApp::spawn().await;
    let (ada, _) = hub.signed_in("ada@example.org", "user").await;
    let (boss, pair) = hub.signed_in("boss@example.org", "admin").await;
    let mut holder = hub.app.cx.db.begin().await.unwrap();
    roles::lock(&mut holder, ADMIN).await.unwrap();
    let path = format!("/api/users/{}/site_role", ada.id);
    let act = hub.put_as(&pair.access, &path, json!({ "role": "admin" }));
    let (answer, ()) = tokio::join!(act, given_role(&hub, holder, &boss.id, "user"));
    answer.problem(403, "forbidden");
    assert_eq!(role_of(&hub, &ada.id).await, "user");
}

#[tokio::test]
async fn t21_who_lost_the_right_while_the_act_waits_for_a_lock_touches_no_account() {
    let hub = TestApp::spawn().await;
    let (person, ada) = hub.signed_in("ada@example.org", "user").await;
    hub.person("chief@example.org", "admin").await;
    let path = format!("/api/users/{}", person.id);
    let disable = json!({ "status": "disabled" });
    for (method, body) in [("PATCH", Some(&disable)), ("DELETE", None)] {
        let (boss, pair) = hub.signed_in(&format!("{method}@example.org"), "admin").await;
        let mut holder = hub.app.cx.db.begin().await.unwrap();
        users::lock(&mut holder, person.id.parse().unwrap())
            .await
            .unwrap();
        let act = hub.call(method, &path, Some(&pair.access), body);
        let (answer, ()) = tokio::join!(act, given_role(&hub, holder, &boss.id, "user"));
        answer.problem(403, "forbidden");
    }
    hub.get_as(&ada.access, "/api/users/me").await.expect(200);
}

#[tokio::test]
async fn t21_who_lost_the_right_while_the_act_waits_for_a_lock_writes_no_role() {
    let hub = TestApp::spawn().await;
    hub.person("chief@example.org", "admin").await;
    let permissions = json!({ "permissions": ["app.x"] });
    for (method, body) in [("PUT", Some(&permissions)), ("DELETE", None)] {
        let (boss, pair) = hub.signed_in(&format!("{method}@example.org"), "admin").await;
        let mut holder = hub.app.cx.db.begin().await.unwrap();
        let role = roles::find_exclusively(&mut holder, "moderator").await.unwrap();
        let act = hub.call(method, "/api/roles/moderator", Some(&pair.access), body);
        let (answer, ()) = tokio::join!(act, given_role(&hub, holder, &boss.id, "user"));
        answer.problem(403, "forbidden");
        let now = roles::find(&mut hub.app.cx.db.read().await.unwrap(), "moderator").await;
        assert_eq!(now.unwrap(), role);
    }
}

#[tokio::test]
async fn t21_who_is_promoted_while_an_account_is_about_to_be_touched_is_out_of_reach() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[Permission::UsersWrite]).await;
    let person = hub.person("ada@example.org", "user").await;
    let path = format!("/api/users/{}", person.id);
    let disable = json!({ "status": "disabled" });
    for (method, body) in [("PATCH", Some(&disable)), ("DELETE", None)] {
        let mut holder = hub.app.cx.db.begin().await.unwrap();
        users::lock(&mut holder, person.id.parse().unwrap())
            .await
            .unwrap();
        let act = hub.call(method, &path, Some(&key), body);
        let (answer, ()) = tokio::join!(act, given_role(&hub, holder, &person.id, "moderator"));
        answer.problem(403, "forbidden");
    }
    assert_eq!(role_of(&hub, &person.id).await, "moderator");
}

#[tokio::test]
async fn t21_who_is_promoted_while_the_act_waits_for_a_lock_is_out_of_its_reach() {
    let hub = TestApp::spawn().await;
    let (_, moderator) = hub.signed_in("mo@example.org", "moderator").await;
    for at in 0..2 {
        let (person, ada) = hub.signed_in(&format!("ada{at}@example.org"), "user").await;
        let mut order = [
            json!({ "session_id": ada.session }),
            json!({ "user_id": person.id }),
        ][at]
            .clone();
        order["reason"] = "spite".into();
        let mut holder = hub.app.cx.db.begin().await.unwrap();
        users::lock(&mut holder, person.id.parse().unwrap())
            .await
            .unwrap();
        let act = hub.post_as(&moderator.access, "/api/revocations", order);
        let (answer, ()) = tokio::join!(act, given_role(&hub, holder, &person.id, "admin"));
        answer.problem(403, "forbidden");
        hub.get_as(&ada.access, "/api/auth/site_role").await.expect(200);
    }
}
