//! The first admin: a one-time address that works while there is no admin.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::people::PASSWORD;

const BOSS: &str = "boss@example.org";

impl TestApp {
    /// What a start of the server prints.
    async fn setup_path(&self) -> String {
        let token = self.app.accounts.offer_setup().await.unwrap();
        format!("/api/setup/{}", token.expect("there is no admin").expose())
    }
}

fn body(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "name": "Boss" })
}

#[tokio::test]
async fn the_first_admin_is_active_at_once_and_the_last_one_made_so() {
    let hub = TestApp::spawn().await;
    let path = hub.setup_path().await;
    let page = hub.get(path.strip_prefix("/api").unwrap()).await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));

    // What is refused spends nothing.
    for (body, field, code) in [
        (
            json!({ "email": BOSS, "password": "password1234" }),
            "password",
            "weak_password",
        ),
        (
            json!({ "email": "boss", "password": PASSWORD }),
            "email",
            "invalid",
        ),
    ] {
        let problem = hub.post(&path, body).await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field);
        assert_eq!(problem["errors"][0]["code"], code);
    }
    hub.person("ada@example.org", "user").await;
    hub.post(&path, body("ada@example.org"))
        .await
        .problem(409, "conflict");

    let made = hub.post(&path, body(BOSS)).await.expect(201);
    let user = made.json();
    assert_eq!(
        (
            &user["status"],
            &user["site_role"],
            &user["email_verified"],
            &user["name"]
        ),
        (&json!("active"), &json!("admin"), &json!(true), &json!("Boss"))
    );
    assert_eq!(hub.sign_in(BOSS).await.body["user"], user);
    hub.post(&path, body("second@example.org"))
        .await
        .problem(410, "token_spent");
    assert!(hub.app.accounts.offer_setup().await.unwrap().is_none());
}

/// As with `user create`: else whoever guesses the address could keep the first admin from having it.
#[tokio::test]
async fn a_registration_that_nobody_proved_gives_way_to_the_first_admin() {
    let hub = TestApp::spawn().await;
    hub.register(BOSS).await.expect(202);
    let link = hub.mailed_token(BOSS, 1).await;
    let path = hub.setup_path().await;
    // What is refused leaves the registration as it was.
    hub.post("/api/setup/pcs_unknown", body(BOSS))
        .await
        .problem(410, "token_spent");
    let registered = "select count(*) from users where status = 'pending'";
    assert_eq!(hub.number(registered).await, 1);
    let made = hub.post(&path, body(BOSS)).await.expect(201).json();
    assert_eq!(
        (&made["status"], &made["site_role"]),
        (&json!("active"), &json!("admin"))
    );
    assert_eq!(hub.sign_in(BOSS).await.body["user"], made);
    // The squatter's letter is worth nothing any more.
    hub.patch(&format!("/api/auth/activate/{link}"))
        .await
        .problem(410, "token_spent");
    assert_eq!(hub.number("select count(*) from users").await, 1);
    let erased = "select count(*) from audit where action = 'user.delete' and outcome = 'ok'";
    assert_eq!(hub.number(erased).await, 1);
}

#[tokio::test]
async fn an_unknown_an_older_and_an_expired_address_and_one_beside_an_admin_look_alike() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let unknown = hub.post("/api/setup/pcs_unknown", body(BOSS)).await;
    unknown.problem(410, "token_spent");
    let older = hub.setup_path().await;
    let newer = hub.setup_path().await;
    assert_eq!(hub.post(&older, body(BOSS)).await.likeness(), unknown.likeness());
    hub.clock.as_ref().unwrap().advance(Duration::from_hours(1));
    assert_eq!(hub.post(&newer, body(BOSS)).await.likeness(), unknown.likeness());
    let beside = hub.setup_path().await;
    hub.person("other@example.org", "admin").await;
    assert_eq!(hub.post(&beside, body(BOSS)).await.likeness(), unknown.likeness());
    assert_eq!(hub.number("select count(*) from users").await, 1);
}

#[tokio::test]
async fn of_eight_that_set_up_at_once_one_becomes_admin() {
    let hub = TestApp::spawn().await;
    let path = hub.setup_path().await;
    let all = (0..8).map(|n| hub.post(&path, body(&format!("boss{n}@example.org"))));
    let mut statuses: Vec<u16> = join_all(all).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 410, 410, 410, 410, 410, 410, 410]);
    let admins = "select count(*) from users where site_role = 'admin'";
    assert_eq!(hub.number(admins).await, 1);
    assert_eq!(hub.number("select count(*) from users").await, 1);
}
