//! Signing out by cookie, and signing in over one.

use serde_json::{Value, json};

use super::{ADA, Browser, NAME, empties, live, set_cookies, tuning};

#[tokio::test]
async fn signing_out_takes_the_cookie_away_and_never_fails() {
    let hub = tuning().spawn().await;
    hub.person(ADA, "user").await;
    for body in [None, Some(json!({})), Some(json!({ "scope": "session" }))] {
        let mut browser = Browser::new(&hub);
        browser.sign_in(ADA).await.expect(200);
        let other = browser.tab();
        let answer = browser.post("/api/auth/logout", body.clone()).await.expect(204);
        assert!(empties(&answer) && answer.bytes.is_empty());
        // In a tab that has not heard of it, in this one, and with what never was a token.
        let dead = other.send("/api/auth/logout", None, body.clone()).await;
        let none = browser.send("/api/auth/logout", None, body.clone()).await;
        browser.cookies = vec![(NAME.to_owned(), "garbage".to_owned())];
        let garbage = browser.send("/api/auth/logout", Some("a,b"), body).await;
        for answer in [dead, none, garbage] {
            assert!(empties(&answer.expect(204)));
        }
        let mut other = other;
        other.refresh().await.problem(401, "session_revoked");
    }
    assert_eq!(live(&hub).await, 0);
}

#[tokio::test]
async fn each_scope_by_cookie_ends_what_it_names() {
    let hub = tuning().spawn().await;
    hub.person(ADA, "user").await;
    let mut here = Browser::new(&hub);
    here.sign_in(ADA).await.expect(200);
    hub.sign_in(ADA).await;
    hub.sign_in(ADA).await;
    // To end others takes a proof, which a cookie that is gone is not.
    for scope in ["others", "all"] {
        let body = json!({ "scope": scope });
        let answer = Browser::new(&hub)
            .send("/api/auth/logout", None, Some(body))
            .await;
        answer.problem(401, "authentication_required");
    }
    assert_eq!(live(&hub).await, 3);
    let others = here
        .post("/api/auth/logout", Some(json!({ "scope": "others" })))
        .await;
    assert!(!empties(&others.expect(204)), "this one goes on");
    assert_eq!(live(&hub).await, 1);
    here.refresh().await.expect(200);
    hub.sign_in(ADA).await;
    let all = here
        .post("/api/auth/logout", Some(json!({ "scope": "all" })))
        .await;
    assert!(empties(&all.expect(204)));
    assert_eq!(live(&hub).await, 0);
}

#[tokio::test]
async fn signing_in_again_ends_the_session_whose_cookie_is_replaced_and_no_other() {
    let hub = tuning().spawn().await;
    hub.person(ADA, "user").await;
    hub.person("bob@example.org", "user").await;
    let elsewhere = hub.sign_in(ADA).await;
    let mut browser = Browser::new(&hub);
    let first = browser.sign_in(ADA).await.expect(200).json();
    // A sign-in that fails replaces nothing.
    let wrong = json!({ "email": ADA, "password": "not the password of ada" });
    let refused = browser.post("/api/auth", Some(wrong)).await;
    refused.problem(401, "invalid_credentials");
    assert!(set_cookies(&refused).is_empty());
    let access = |pair: &Value| pair["access_token"].as_str().unwrap().to_owned();
    hub.get_as(&access(&first), "/api/users/me").await.expect(200);
    let second = browser.sign_in("bob@example.org").await.expect(200).json();
    let ended = hub.get_as(&access(&first), "/api/users/me").await;
    ended.problem(401, "session_revoked");
    for pair in [&access(&second), &elsewhere.access] {
        hub.get_as(pair, "/api/users/me").await.expect(200);
    }
    browser.refresh().await.expect(200);
}
