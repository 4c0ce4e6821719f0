//! What a sign-in with a provider, and what is linked by it, leaves in the audit log (T15).

use serde_json::{Value, json};

use super::{Hub, identities_of, path_of};
use crate::audit_log::unwritten::fill_the_log;
use crate::support::app::TestApp;
use crate::support::people::PASSWORD;
use crate::support::provider::Browser;

/// Action, outcome and provider of every line, sorted: those of one moment have no order.
async fn lines(hub: &TestApp) -> Vec<String> {
    let sql = "select action || ' ' || outcome || ' ' || details from audit where actor <> 'operator'";
    let lines = hub.texts(sql).await.into_iter().flatten();
    let short = |line: String| {
        let (head, details) = line.split_at(line.find('{').unwrap());
        let details: Value = serde_json::from_str(details).unwrap();
        format!("{head}{}", details["provider"].as_str().unwrap_or("-"))
    };
    let mut lines: Vec<String> = lines.map(short).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn t15_every_step_that_decides_something_leaves_a_line() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("acme").await;
    browser.sign_in("acme").await;
    hub.provider.misbehave("access_denied").await;
    browser.refusal("acme").await;
    hub.provider.misbehave(json!(null)).await;
    browser.exchange("pco_of_nobody").await.expect(410);
    let (_, eve) = hub.signed_in("eve@example.org", "user").await;
    let code = browser.link_code(&eve.access, "acme").await;
    browser.exchange(&code).await.expect(403);
    browser.exchange_as(&eve.access, &code).await.expect(409);
    hub.provider.misbehave("access_denied").await;
    let (name, _) = browser.link_through(&eve.access, "acme").await;
    assert_eq!(name, "error");
    let path = path_of(&identities_of(&hub, &pair).await[0]);
    hub.delete_as(&pair.access, &path).await.expect(409);
    let password = json!({ "new_password": PASSWORD });
    hub.post_as(&pair.access, "/api/users/me/password", password)
        .await
        .expect(204);
    hub.delete_as(&pair.access, &path).await.expect(204);
    assert_eq!(
        lines(&hub).await,
        [
            "identity.link access_denied acme",
            "identity.link forbidden acme",
            "identity.link identity_taken acme",
            "identity.link ok acme",
            "identity.unlink last_credential -",
            "identity.unlink ok acme",
            "password.change ok -",
            "session.create access_denied acme",
            "session.create ok -",
            "session.create ok acme",
            "session.create ok acme",
            "session.create token_spent -",
            "user.register ok acme",
        ]
    );
}

#[tokio::test]
async fn t15_a_claim_leaves_a_line() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    hub.register("ada@example.org").await.expect(202);
    browser.sign_in("acme").await;
    assert_eq!(
        lines(&hub).await,
        [
            "identity.link ok acme",
            "session.create ok acme",
            "user.activate ok acme",
            "user.register ok -",
        ]
    );
}

#[tokio::test]
async fn t15_what_cannot_be_written_down_is_not_done() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let code = browser.code("acme").await;
    let (_, eve) = hub.signed_in("eve@example.org", "user").await;
    let link = browser.link_code(&eve.access, "acme").await;
    fill_the_log(&hub).await;
    browser.exchange(&code).await.problem(500, "internal");
    browser
        .exchange_as(&eve.access, &link)
        .await
        .problem(500, "internal");
    assert_eq!(hub.number("select count(*) from identities").await, 0);
    assert_eq!(hub.number("select count(*) from users").await, 1);
    assert_eq!(hub.number("select count(*) from sessions").await, 1);
}

#[tokio::test]
async fn t15_nor_is_a_known_identity_used_or_unlinked() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("acme").await;
    let password = json!({ "new_password": PASSWORD });
    hub.post_as(&pair.access, "/api/users/me/password", password)
        .await
        .expect(204);
    let path = path_of(&identities_of(&hub, &pair).await[0]);
    let code = browser.code("acme").await;
    fill_the_log(&hub).await;
    browser.exchange(&code).await.problem(500, "internal");
    hub.delete_as(&pair.access, &path).await.problem(500, "internal");
    assert_eq!(hub.number("select count(*) from identities").await, 1);
    assert_eq!(hub.number("select count(*) from sessions").await, 1);
}
