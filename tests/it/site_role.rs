//! Giving a user another site role: what it answers, who may, and that somebody stays admin.

use portcullis::audit::{Actor, Origin};
use portcullis::email::Email;
use portcullis::roles::ADMIN;
use portcullis::roles::Permission::{self, HubRead, RolesWrite, SessionsRead, SessionsRevoke, UsersRead};
use portcullis::store::roles;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::document::NOBODY;
use crate::support::people::Person;

fn path(person: &Person) -> String {
    format!("/api/users/{}/site_role", person.id)
}

#[tokio::test]
async fn a_change_grows_the_version_by_one_and_no_change_does_not() {
    let app = TestApp::spawn().await;
    let (ada, pair) = app.signed_in("ada@example.org", "user").await;
    let (_, boss) = app.signed_in("boss@example.org", "admin").await;
    let mut version = 1;
    for (role, grows) in [
        ("user", 0),
        ("moderator", 1),
        ("moderator", 0),
        ("user", 1),
        ("admin", 1),
        ("user", 1),
    ] {
        version += grows;
        let answer = app
            .put_as(&boss.access, &path(&ada), json!({ "role": role }))
            .await;
        let answer = answer.expect(200).json();
        let permissions = answer["permissions"].clone();
        assert_eq!(
            answer,
            json!({ "role": role, "permissions": permissions, "version": version })
        );
        // What the person sees is the same, at once, with the token from before.
        let seen = app.get_as(&pair.access, "/api/auth/site_role").await.expect(200);
        assert_eq!(seen.json(), answer);
    }
    let moderator = json!({ "role": "moderator" });
    let moderator = app
        .put_as(&boss.access, &path(&ada), moderator)
        .await
        .expect(200)
        .json();
    assert_eq!(
        moderator["permissions"],
        json!(["users:read", "sessions:read", "sessions:revoke", "hub:read"])
    );
    let changes = "audit where action = 'user.role' and outcome = 'ok'";
    assert_eq!(app.count(changes).await, 5, "what changed nothing is no act");
    assert_eq!(app.count("journal where kind = 'state'").await, 5);
}

#[tokio::test]
async fn an_unknown_role_is_invalid_and_an_unknown_user_is_not_found() {
    let app = TestApp::spawn().await;
    let (ada, _) = app.signed_in("ada@example.org", "user").await;
    let key = app.service_key(&[Permission::RolesWrite]).await;
    for role in ["boss", "Admin", "admin ' or 1=1", "a\u{fffd}b"] {
        let answer = app.put_as(&key, &path(&ada), json!({ "role": role })).await;
        let body = answer.problem(422, "validation_failed");
        assert_eq!(body["errors"][0]["field"], "role");
        assert_eq!(body["errors"][0]["code"], "unknown_role");
    }
    for role in [
        json!(""),
        json!(" "),
        json!(null),
        json!(1),
        json!("a\u{0}"),
        json!("x".repeat(65)),
    ] {
        let answer = app.put_as(&key, &path(&ada), json!({ "role": role })).await;
        answer.problem(422, "validation_failed");
    }
    let nobody = format!("/api/users/{NOBODY}/site_role");
    app.put_as(&key, &nobody, json!({ "role": "user" }))
        .await
        .problem(404, "not_found");
    let version = app.texts("select cast(version as text) from users").await;
    assert_eq!(version, [Some("1".to_owned())]);
}

#[tokio::test]
async fn nobody_gives_or_takes_a_role_with_permissions_that_they_lack() {
    let app = TestApp::spawn().await;
    let (ada, _) = app.signed_in("ada@example.org", "user").await;
    let (mo, _) = app.signed_in("mo@example.org", "moderator").await;
    let (boss, _) = app.signed_in("boss@example.org", "admin").await;
    app.person("second@example.org", "admin").await;
    let roles_alone = app.service_key(&[Permission::RolesWrite]).await;
    let moderators = app
        .service_key(&[RolesWrite, UsersRead, SessionsRead, SessionsRevoke, HubRead])
        .await;
    for (key, person, role, lacking) in [
        (&roles_alone, &ada, "moderator", Some("users:read")),
        (&roles_alone, &ada, "admin", Some("users:read")),
        (&roles_alone, &mo, "user", Some("users:read")),
        (&roles_alone, &boss, "user", Some("users:read")),
        (&roles_alone, &ada, "user", None),
        (&moderators, &ada, "admin", Some("users:write")),
        (&moderators, &boss, "moderator", Some("users:write")),
        (&moderators, &boss, "admin", Some("users:write")),
        (&moderators, &ada, "moderator", None),
        (&moderators, &mo, "user", None),
    ] {
        let before = app.texts("select site_role from users order by email").await;
        let answer = app.put_as(key, &path(person), json!({ "role": role })).await;
        match lacking {
            None => drop(answer.expect(200)),
            Some(permission) => {
                let body = answer.problem(403, "forbidden");
                let detail = body["detail"].as_str().unwrap();
                assert!(detail.contains(&format!("`{permission}`")), "{detail}");
                assert_eq!(
                    app.texts("select site_role from users order by email").await,
                    before
                );
            }
        }
    }
    let refused = app
        .count("audit where action = 'user.role' and outcome = 'forbidden'")
        .await;
    assert_eq!(refused, 7, "each refusal is in the log");
}

#[tokio::test]
async fn the_last_admin_stays_admin() {
    let app = TestApp::spawn().await;
    let (boss, admin) = app.signed_in("boss@example.org", "admin").await;
    let refused = app
        .put_as(&admin.access, &path(&boss), json!({ "role": "user" }))
        .await;
    refused.problem(409, "last_admin");
    app.put_as(&admin.access, &path(&boss), json!({ "role": "admin" }))
        .await
        .expect(200);
    // One who is disabled does not count.
    let other = app.person("second@example.org", "admin").await;
    let by = portcullis::audit::Origin::local(portcullis::audit::Actor::Operator);
    let accounts = &app.app.accounts;
    accounts
        .set_disabled(other.id.parse().unwrap(), true, &by)
        .await
        .unwrap();
    let refused = app
        .put_as(&admin.access, &path(&boss), json!({ "role": "user" }))
        .await;
    refused.problem(409, "last_admin");
    accounts
        .set_disabled(other.id.parse().unwrap(), false, &by)
        .await
        .unwrap();
    app.put_as(&admin.access, &path(&boss), json!({ "role": "user" }))
        .await
        .expect(200);
    app.get_as(&admin.access, "/api/users")
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn two_demotions_of_the_last_two_admins_leave_one() {
    let app = TestApp::spawn().await;
    let key = app.service_key(Permission::ALL).await;
    for round in 0..8 {
        let first = app.person(&format!("a{round}@example.org"), "admin").await;
        let second = app.person(&format!("b{round}@example.org"), "admin").await;
        let demote = |person: &Person| {
            let (app, key, path) = (app.caller.clone(), key.clone(), path(person));
            async move { app.put_as(&key, &path, json!({ "role": "user" })).await }
        };
        if round > 0 {
            // The one that stayed in the round before.
            let left =
                "select cast(email as text) from users where site_role = 'admin' order by created_at, id";
            let email = app.texts(left).await[0].clone().unwrap();
            let email = Email::parse(&email).unwrap();
            app.app.roles.assign_by_email(&email, "user").await.unwrap();
        }
        let (one, two) = tokio::join!(demote(&first), demote(&second));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        let refused = if one.status == 409 { one } else { two };
        refused.problem(409, "last_admin");
        assert_eq!(app.count("users where site_role = 'admin'").await, 1);
    }
}

/// Leaves nobody with the role `admin` who is active, but for those who come.
async fn retire_admins(app: &TestApp, but: [&Person; 2]) {
    let active = "select cast(email as text) from users where site_role = 'admin' and status = 'active'";
    for email in app.texts(active).await {
        let email = email.unwrap();
        if but.iter().all(|person| person.email != email) {
            let email = Email::parse(&email).unwrap();
            app.app.roles.assign_by_email(&email, "user").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_demotion_and_a_disabling_of_the_last_two_admins_leave_one() {
    let app = TestApp::spawn().await;
    let by = Origin::local(Actor::Operator);
    for round in 0..8 {
        let first = app.person(&format!("a{round}@example.org"), "admin").await;
        let second = app.person(&format!("b{round}@example.org"), "admin").await;
        retire_admins(&app, [&first, &second]).await;
        let (demoted, disabled) = tokio::join!(
            app.app.roles.assign(first.id.parse().unwrap(), "user", &by),
            app.app
                .accounts
                .set_disabled(second.id.parse().unwrap(), true, &by),
        );
        assert_ne!(demoted.is_ok(), disabled.is_ok(), "{demoted:?} {disabled:?}");
        let active = "users where site_role = 'admin' and status = 'active'";
        assert_eq!(app.count(active).await, 1);
    }
}

#[tokio::test]
async fn two_acts_on_one_admin_at_once_do_not_wait_for_each_other() {
    let app = TestApp::spawn().await;
    let by = Origin::local(Actor::Operator);
    app.person("chief@example.org", "admin").await;
    for round in 0..8 {
        let person = app.person(&format!("a{round}@example.org"), "admin").await;
        let id = person.id.parse().unwrap();
        let (demoted, disabled) = tokio::join!(
            app.app.roles.assign(id, "user", &by),
            app.app.accounts.set_disabled(id, true, &by),
        );
        let (demoted, disabled) = (demoted.unwrap(), disabled.unwrap());
        assert_eq!(demoted.version.max(disabled.version), 3);
    }
}

/// SQLite has one writer: there everybody waits for everybody.
#[tokio::test]
async fn whoever_gives_another_role_does_not_wait_for_who_makes_an_admin() {
    let app = TestApp::spawn().await;
    let ada = app.person("ada@example.org", "user").await;
    let mut holder = app.app.cx.db.begin().await.unwrap();
    roles::lock(&mut holder, ADMIN).await.unwrap();
    let holder = holder.is_postgres().then_some(holder);
    let by = Origin::local(Actor::Operator);
    let given = app.app.roles.assign(ada.id.parse().unwrap(), "moderator", &by);
    assert_eq!(given.await.unwrap().role, "moderator");
    drop(holder);
}
