//! The first admin of a development server.

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::people::PASSWORD;

#[tokio::test]
async fn two_who_set_up_at_once_make_one_admin() {
    let app = TestApp::spawn().await;
    let token = app.app.accounts.offer_setup().await.unwrap().unwrap();
    let path = format!("/api/setup/{}", token.expose());
    let tries = (0..8).map(|number| {
        let (caller, path) = (app.caller.clone(), path.clone());
        let body =
            json!({ "email": format!("boss{number}@example.org"), "password": PASSWORD, "name": "Boss" });
        async move { caller.post(&path, body).await }
    });
    let answers = futures_util::future::join_all(tries).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.problem(410, "token_spent");
    }
    assert_eq!(app.count("users").await, 1);
    let admin = made[0].json();
    assert_eq!(
        (&admin["site_role"], &admin["status"], &admin["name"]),
        (&"admin".into(), &"active".into(), &"Boss".into())
    );
    app.sign_in(admin["email"].as_str().unwrap()).await;
    assert!(app.app.accounts.offer_setup().await.unwrap().is_none());
}

#[tokio::test]
async fn a_wrong_form_does_not_spend_the_address_and_a_newer_one_ends_the_older() {
    let app = TestApp::spawn().await;
    app.person("ada@example.org", "user").await;
    let older = app.app.accounts.offer_setup().await.unwrap().unwrap();
    let newer = app.app.accounts.offer_setup().await.unwrap().unwrap();
    let (older, newer) = (
        format!("/api/setup/{}", older.expose()),
        format!("/api/setup/{}", newer.expose()),
    );
    let boss = json!({ "email": "boss@example.org", "password": PASSWORD });
    app.post(&older, boss.clone()).await.problem(410, "token_spent");
    let weak = json!({ "email": "boss@example.org", "password": "short" });
    app.post(&newer, weak).await.problem(422, "validation_failed");
    let taken = json!({ "email": "ada@example.org", "password": PASSWORD });
    app.post(&newer, taken).await.problem(409, "conflict");
    app.post(&newer, boss).await.expect(201);
}
