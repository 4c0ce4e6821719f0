//! Acts on a role and on those who hold it, at the same time.

use portcullis::roles::ADMIN;
use portcullis::store::{Tx, roles, users};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::locks::somebody_waits_for;

const EDITOR: &str = "/api/roles/editor";

/// Lets `holder` go as soon as somebody waits for it.
async fn let_go(hub: &TestApp, mut holder: Tx) {
    somebody_waits_for(hub, &mut holder).await;
    holder.commit().await.unwrap();
}

#[tokio::test]
async fn who_disables_an_admin_and_who_writes_the_role_do_not_wait_for_each_other() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let boss = hub.person("boss@example.org", "admin").await;
    let admin = hub.get_as(&key, "/api/roles/admin").await.expect(200).json();
    let mut permissions = admin["permissions"].as_array().unwrap().clone();
    permissions.push("app.report".into());
    // What disabling does, up to where it would wait.
    let mut holder = hub.app.cx.db.begin().await.unwrap();
    users::lock(&mut holder, boss.id.parse().unwrap()).await.unwrap();
    let write = hub.put_as(&key, "/api/roles/admin", json!({ "permissions": permissions }));
    let disable = async {
        somebody_waits_for(&hub, &mut holder).await;
        roles::lock(&mut holder, ADMIN).await.unwrap();
        holder.commit().await.unwrap();
    };
    let (written, ()) = tokio::join!(write, disable);
    written.expect(200);
}

#[tokio::test]
async fn who_gives_a_role_that_is_being_deleted_is_told_that_there_is_none() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let ada = hub.person("ada@example.org", "user").await;
    hub.put_as(&key, EDITOR, json!({ "permissions": [] }))
        .await
        .expect(200);
    let mut holder = hub.app.cx.db.begin().await.unwrap();
    roles::find_exclusively(&mut holder, "editor").await.unwrap();
    roles::delete(&mut holder, "editor").await.unwrap();
    let path = format!("/api/users/{}/site_role", ada.id);
    let give = hub.put_as(&key, &path, json!({ "role": "editor" }));
    let (answer, ()) = tokio::join!(give, let_go(&hub, holder));
    let problem = answer.problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["code"], "unknown_role");
}

#[tokio::test]
async fn t21_nobody_gives_a_role_that_holds_more_by_then_than_they_do() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let ada = hub.person("ada@example.org", "user").await;
    let clerk: Value = json!({ "permissions": ["roles:write"] });
    hub.put_as(&key, "/api/roles/clerk", clerk).await.expect(200);
    hub.put_as(&key, EDITOR, json!({ "permissions": [] }))
        .await
        .expect(200);
    let (_, clerk) = hub.signed_in("clerk@example.org", "clerk").await;
    let mut holder = hub.app.cx.db.begin().await.unwrap();
    roles::find_exclusively(&mut holder, "editor").await.unwrap();
    let wider = ["keys:write".to_owned()];
    roles::set_permissions(&mut holder, "editor", &wider, hub.now())
        .await
        .unwrap();
    let path = format!("/api/users/{}/site_role", ada.id);
    let give = hub.put_as(&clerk.access, &path, json!({ "role": "editor" }));
    let (answer, ()) = tokio::join!(give, let_go(&hub, holder));
    answer.problem(403, "forbidden");
}
