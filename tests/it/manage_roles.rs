//! Roles: which there are, what they hold, and that everybody who holds one hears of a change at once.

use portcullis::roles::Permission::{self, RolesRead, RolesWrite, UsersRead};
use portcullis::store::users;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::locks::somebody_waits_for;
use crate::support::socket::{Heard, TestSocket};
use crate::support::{database, eventually};

impl TestApp {
    async fn write_role(&self, key: &str, name: &str, permissions: Value) -> Answer {
        let body = json!({ "permissions": permissions });
        self.put_as(key, &format!("/api/roles/{name}"), body).await
    }

    async fn remove_role(&self, key: &str, name: &str) -> Answer {
        self.delete_as(key, &format!("/api/roles/{name}")).await
    }
}

#[tokio::test]
async fn a_role_is_made_read_changed_and_deleted() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[RolesRead, RolesWrite]).await;
    let list = hub.get_as(&key, "/api/roles").await.expect(200).json();
    let names: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| &role["name"])
        .collect();
    assert_eq!(names, ["admin", "moderator", "user"]);
    let all: Vec<&str> = Permission::ALL
        .iter()
        .map(|permission| permission.as_str())
        .collect();
    assert_eq!(list["items"][0]["permissions"], json!(all));

    let made = hub
        .write_role(&key, "shop.editor", json!(["shop.orders:write", "a", "a"]))
        .await;
    let editor = json!({ "name": "shop.editor", "permissions": ["shop.orders:write", "a"] });
    assert_eq!(made.expect(200).json(), editor, "each permission once");
    let path = "/api/roles/shop.editor";
    assert_eq!(hub.get_as(&key, path).await.expect(200).json(), editor);
    let list = hub.get_as(&key, "/api/roles").await.expect(200).json();
    assert_eq!(list["items"][2], editor);
    // The same in another order is no act.
    let same = hub
        .write_role(&key, "shop.editor", json!(["a", "shop.orders:write"]))
        .await;
    assert_eq!(same.expect(200).json(), editor);
    let emptied = hub
        .write_role(&key, "shop.editor", json!([]))
        .await
        .expect(200)
        .json();
    assert_eq!(emptied["permissions"], json!([]));
    assert!(
        hub.remove_role(&key, "shop.editor")
            .await
            .expect(204)
            .bytes
            .is_empty()
    );
    hub.get_as(&key, path).await.problem(404, "not_found");
    hub.remove_role(&key, "shop.editor")
        .await
        .problem(404, "not_found");
    let acts = hub
        .texts("select action from audit where action like 'role.%' and outcome = 'ok' order by at, id")
        .await;
    let acts: Vec<_> = acts.iter().flatten().map(String::as_str).collect();
    assert_eq!(acts, ["role.write", "role.write", "role.delete"]);
    assert_eq!(hub.count("journal").await, 0, "nobody holds it");
}

#[tokio::test]
async fn names_of_roles_and_permissions_are_plain() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(Permission::ALL).await;
    for name in [
        "Editor",
        "1a",
        "a%20b",
        "%00",
        "a%2Fb",
        "%C3%A9",
        &"a".repeat(65),
        "a'--",
    ] {
        let answer = hub.write_role(&key, name, json!([])).await;
        let problem = answer.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "name", "{name}");
        hub.get_as(&key, &format!("/api/roles/{name}"))
            .await
            .problem(404, "not_found");
        hub.remove_role(&key, name).await.problem(404, "not_found");
    }
    for permissions in [
        json!(null),
        json!("users:read"),
        json!([1]),
        json!(["Users:read"]),
        json!(["a b"]),
        json!([""]),
        json!(["a".repeat(65)]),
        json!((0..101).map(|number| format!("a{number}")).collect::<Vec<_>>()),
    ] {
        let answer = hub.write_role(&key, "editor", permissions.clone()).await;
        answer.problem(422, "validation_failed");
    }
    let body = json!({ "permissions": [], "name": "admin" });
    let answer = hub.put_as(&key, "/api/roles/editor", body).await;
    answer.problem(422, "validation_failed");
    hub.get_as(&key, "/api/roles/editor")
        .await
        .problem(404, "not_found");
    let longest = "a".repeat(64);
    hub.write_role(&key, &longest, json!([longest])).await.expect(200);
}

#[tokio::test]
async fn a_role_in_use_or_needed_stays() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let mo = hub.person("mo@example.org", "moderator").await;
    for (role, code) in [
        ("moderator", "conflict"),
        ("user", "conflict"),
        ("admin", "last_admin"),
    ] {
        hub.remove_role(&key, role).await.problem(409, code);
    }
    // Somebody who is disabled holds it as well.
    hub.disable(&mo).await;
    hub.remove_role(&key, "moderator").await.problem(409, "conflict");
    hub.assign(&key, &mo.id, "user").await;
    hub.remove_role(&key, "moderator").await.expect(204);
    hub.register("ada@example.org").await.expect(202);
    let path = format!("/api/users/{}/site_role", mo.id);
    let gone = hub.put_as(&key, &path, json!({ "role": "moderator" })).await;
    gone.problem(422, "validation_failed");
}

#[tokio::test]
async fn the_role_admin_keeps_every_built_in_permission() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let all: Vec<&str> = Permission::ALL
        .iter()
        .map(|permission| permission.as_str())
        .collect();
    for permissions in [json!([]), json!(&all[1..]), json!(["app.all"])] {
        hub.write_role(&key, "admin", permissions)
            .await
            .problem(409, "last_admin");
    }
    let more: Vec<&str> = all.iter().copied().chain(["app.all"]).collect();
    let role = hub
        .write_role(&key, "admin", json!(more))
        .await
        .expect(200)
        .json();
    assert_eq!(role["permissions"], json!(more));
    hub.write_role(&key, "admin", json!(all)).await.expect(200);
    assert_eq!(
        hub.count("audit where action = 'role.write' and outcome = 'last_admin'")
            .await,
        3
    );
}

#[tokio::test]
async fn t21_nobody_writes_a_role_with_permissions_that_they_lack() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[RolesWrite, UsersRead]).await;
    for (name, permissions) in [
        ("editor", json!(["keys:write"])),
        ("editor", json!(["app.x", "users:read", "users:write"])),
        // It holds some already.
        ("moderator", json!([])),
        ("moderator", json!(["users:read"])),
        ("user", json!(["hub:read"])),
    ] {
        let answer = hub.write_role(&key, name, permissions).await;
        answer.problem(403, "forbidden");
    }
    hub.remove_role(&key, "moderator").await.problem(403, "forbidden");
    hub.get_as(&hub.backend().await, "/api/roles/editor")
        .await
        .problem(404, "not_found");
    hub.write_role(&key, "reader", json!(["users:read", "app.x"]))
        .await
        .expect(200);
    hub.remove_role(&key, "reader").await.expect(204);
    let refused = "audit where action in ('role.write', 'role.delete') and outcome = 'forbidden'";
    assert_eq!(hub.count(refused).await, 6);
}

/// The next `state` of this version; those before it are passed over.
async fn state_of(socket: &mut TestSocket, version: i64) -> Value {
    loop {
        let frame = socket.frame("state").await;
        if frame["state"]["version"].as_i64().unwrap() >= version {
            return frame;
        }
    }
}

#[tokio::test]
async fn t04_everybody_who_holds_a_role_hears_of_its_change_by_one_row_of_the_journal() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let mut holders = Vec::new();
    for number in 0..5 {
        let (person, pair) = hub
            .signed_in(&format!("mo{number}@example.org"), "moderator")
            .await;
        let (socket, _) = hub.open(&pair.access).await;
        holders.push((person, pair, socket));
    }
    let (_, ada) = hub.signed_in("ada@example.org", "user").await;
    let (mut other, _) = hub.open(&ada.access).await;
    let rows = hub.count("journal").await;
    hub.write_role(&key, "moderator", json!(["users:read", "app.posts:hide"]))
        .await
        .expect(200);
    assert_eq!(hub.count("journal").await, rows + 1);
    let newest = hub.number("select max(sequence) from journal").await;
    for (_, pair, socket) in &mut holders {
        let frame = socket.frame("state").await;
        assert_eq!(
            (&frame["reason"], &frame["sequence"]),
            (&json!("role_updated"), &json!(newest))
        );
        let permissions = json!(["users:read", "app.posts:hide"]);
        assert_eq!(
            (&frame["state"]["permissions"], &frame["state"]["version"]),
            (&permissions, &json!(2))
        );
        let seen = hub
            .get_as(&pair.access, "/api/auth/site_role")
            .await
            .expect(200)
            .json();
        assert_eq!(
            seen,
            json!({ "role": "moderator", "permissions": permissions, "version": 2 })
        );
        hub.get_as(&pair.access, "/api/hub")
            .await
            .problem(403, "forbidden");
    }
    // What was not changed is not told.
    other.say(json!({ "type": "marker" })).await;
    assert!(matches!(other.hear().await, Heard::Frame(frame) if frame["type"] == "error"));
    let version = hub
        .texts("select cast(version as text) from users where email = 'ada@example.org'")
        .await;
    assert_eq!(version, [Some("1".to_owned())]);
}

#[tokio::test]
async fn who_has_heard_of_a_role_resumes_from_there() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let (_, pair) = hub.signed_in("mo@example.org", "moderator").await;
    let (mut socket, ready) = hub.open(&pair.access).await;
    hub.write_role(&key, "moderator", json!(["users:read"]))
        .await
        .expect(200);
    let heard = socket.frame("state").await["sequence"].clone();
    assert!(heard.as_i64() > ready["sequence"].as_i64());
    drop(socket);
    let resume = |sequence: Value| {
        let (hub, pair, epoch) = (hub.caller.clone(), pair.clone(), ready["epoch"].clone());
        async move {
            let token = hub.socket_token(&pair.access).await;
            let mut socket = hub.connect().await;
            let resume = json!({ "epoch": epoch, "sequence": sequence });
            socket
                .say(json!({ "type": "hello", "token": token, "resume": resume }))
                .await;
            (socket.frame("ready").await, socket)
        }
    };
    let (back, mut socket) = resume(heard.clone()).await;
    assert_eq!((&back["resumed"], &back["sequence"]), (&json!(true), &heard));
    assert_eq!(back["state"]["permissions"], json!(["users:read"]));
    // What comes next is new to it, and has a larger number.
    let second = hub.sign_in("mo@example.org").await;
    let event = socket.frame("event").await;
    assert_eq!(event["data"]["session_id"], second.session.as_str());
    assert!(event["sequence"].as_i64() > heard.as_i64());
    // A number that no row has is no place to go on from.
    let (back, _) = resume(json!(event["sequence"].as_i64().unwrap() + 1)).await;
    assert_eq!(back["resumed"], false);
}

#[tokio::test]
async fn another_node_tells_those_who_are_connected_to_it() {
    let url = database::fresh_postgres().await;
    let (here, there) = (
        Tuning::new().database(&url).spawn().await,
        Tuning::new().database(&url).spawn().await,
    );
    let key = here.backend().await;
    let (_, pair) = here.signed_in("mo@example.org", "moderator").await;
    // A node of its own address hands out its own tokens.
    let theirs = there.sign_in("mo@example.org").await;
    let (mut socket, _) = there.open(&theirs.access).await;
    here.write_role(&key, "moderator", json!(["app.x"]))
        .await
        .expect(200);
    let frame = state_of(&mut socket, 2).await;
    assert_eq!(frame["reason"], "role_updated");
    assert_eq!(frame["state"]["permissions"], json!(["app.x"]));
    here.get_as(&pair.access, "/api/users")
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn t04_who_is_given_a_role_while_it_changes_ends_up_knowing_what_it_holds() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    hub.write_role(&key, "editor", json!(["app.0"])).await.expect(200);
    let (ada, pair) = hub.signed_in("ada@example.org", "user").await;
    let (mut socket, _) = hub.open(&pair.access).await;
    for round in 1..=12 {
        let role = if round % 2 == 0 { "user" } else { "editor" };
        let path = format!("/api/users/{}/site_role", ada.id);
        let change = hub.write_role(&key, "editor", json!([format!("app.{round}")]));
        let give = hub.put_as(&key, &path, json!({ "role": role }));
        let (changed, given) = tokio::join!(change, give);
        changed.expect(200);
        given.expect(200);
        let truth = hub
            .get_as(&pair.access, "/api/auth/site_role")
            .await
            .expect(200)
            .json();
        // The client is told that very version, and under it the truth.
        let frame = state_of(&mut socket, truth["version"].as_i64().unwrap()).await;
        for field in ["role", "permissions", "version"] {
            assert_eq!(
                frame["state"][field], truth[field],
                "round {round}: {frame} {truth}"
            );
        }
    }
}

#[tokio::test]
async fn t04_a_change_of_a_role_waits_for_who_is_about_to_give_it() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    hub.write_role(&key, "editor", json!(["app.0"])).await.expect(200);
    let (ada, pair) = hub.signed_in("ada@example.org", "user").await;
    let mut holder = hub.app.cx.db.begin().await.unwrap();
    let id = ada.id.parse().unwrap();
    let given = users::set_site_role(&mut holder, id, "editor", hub.now()).await;
    assert_eq!(given.unwrap(), Some(2));
    let change = hub.write_role(&key, "editor", json!(["app.1"]));
    let give = async {
        somebody_waits_for(&hub, &mut holder).await;
        holder.commit().await.unwrap();
    };
    let (changed, ()) = tokio::join!(change, give);
    changed.expect(200);
    // Otherwise she would have the new permissions under the version that stands for the old ones.
    let state = hub
        .get_as(&pair.access, "/api/auth/site_role")
        .await
        .expect(200)
        .json();
    assert_eq!(
        state,
        json!({ "role": "editor", "permissions": ["app.1"], "version": 3 })
    );
}

#[tokio::test]
async fn two_who_change_one_role_at_once_are_heard_one_after_the_other() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let (_, pair) = hub.signed_in("mo@example.org", "moderator").await;
    for round in 0..6 {
        let one = hub.write_role(&key, "moderator", json!([format!("app.a{round}")]));
        let other = hub.write_role(&key, "moderator", json!([format!("app.b{round}")]));
        let new = format!("new{round}");
        let made = hub.write_role(&key, &new, json!(["app.a"]));
        let made_too = hub.write_role(&key, &new, json!(["app.b"]));
        let (one, other, made, made_too) = tokio::join!(one, other, made, made_too);
        for answer in [one, other, made, made_too] {
            answer.expect(200);
        }
        let state = hub
            .get_as(&pair.access, "/api/auth/site_role")
            .await
            .expect(200)
            .json();
        assert_eq!(state["version"], 1 + 2 * (round + 1), "{state}");
    }
    eventually("the journal holds every change", || async {
        let rows = hub.count("journal where kind = 'role_updated'").await;
        (rows == 12).then_some(())
    })
    .await;
}
