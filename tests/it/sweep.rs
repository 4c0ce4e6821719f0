//! The sweep: what no other layer delivered reaches the socket all the same.

use portcullis::store::sessions::EndReason;
use portcullis::store::users;
use serde_json::json;

use crate::support::app::{TestApp, Tuning};

const ADA: &str = "ada@example.org";

async fn hub() -> TestApp {
    let configured = Tuning::new().configure(|config| {
        // Nobody reads the journal.
        (config.hub.poll, config.hub.sweep) = (3600.0, 0.2);
    });
    configured.spawn().await
}

#[tokio::test]
async fn t04_a_session_that_ended_in_sql_alone_loses_its_sockets() {
    let hub = hub().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let other = hub.sign_in(ADA).await;
    let (mut a, _) = hub.open(&pair.access).await;
    let (mut b, _) = hub.open(&pair.access).await;
    let (mut spared, _) = hub.open(&other.access).await;
    hub.end_in_sql(&pair.session, EndReason::AccountDisabled).await;
    for socket in [&mut a, &mut b] {
        let goodbye = socket.signed_out("account_disabled").await;
        assert_eq!(
            (&goodbye["code"], &goodbye["message"]),
            (&json!(4002), &json!("because of account_disabled"))
        );
    }
    spared.say(json!({ "type": "x" })).await;
    spared.frame("error").await;
}

#[tokio::test]
async fn a_state_that_changed_in_sql_alone_is_pushed_once() {
    let hub = hub().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let (mut socket, ready) = hub.open(&pair.access).await;
    let mut tx = hub.app.cx.db.begin().await.unwrap();
    let version = users::set_site_role(&mut tx, ada.id.parse().unwrap(), "moderator", hub.now()).await;
    tx.commit().await.unwrap();
    let state = socket.frame("state").await;
    assert_eq!(state["reason"], "refreshed");
    assert_eq!(
        state["sequence"], ready["sequence"],
        "no row of the journal caused it"
    );
    assert_eq!(
        (&state["state"]["role"], &state["state"]["version"]),
        (&json!("moderator"), &json!(version.unwrap()))
    );
    assert!(state["access_token"].is_string());
    // Another sweep has passed once a second change has arrived: the first was not said again.
    let mut tx = hub.app.cx.db.begin().await.unwrap();
    let next = users::set_site_role(&mut tx, ada.id.parse().unwrap(), "user", hub.now()).await;
    tx.commit().await.unwrap();
    assert_eq!(
        socket.frame("state").await["state"]["version"],
        next.unwrap().unwrap()
    );
}
