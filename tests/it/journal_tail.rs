//! Changes made by another process reach this one's sockets by the journal alone.

use serde_json::json;

use crate::support::app::{TestApp, Tuning};
use crate::support::database::{self, Folder};

const ADA: &str = "ada@example.org";

/// Two servers on one database, and no bus between them. The first reads the journal every `poll`
/// seconds and never sweeps.
async fn two(folder: &Folder, poll: f64) -> (TestApp, TestApp) {
    let url = database::fresh(folder).await;
    let tuning = |poll| {
        Tuning::new().database(url.clone()).configure(move |config| {
            config.public_url = Some("http://127.0.0.1:9".parse().unwrap());
            (config.hub.poll, config.hub.sweep, config.hub.lease) = (poll, 3600.0, 7200.0);
        })
    };
    (tuning(poll).spawn().await, tuning(3600.0).spawn().await)
}

#[tokio::test]
async fn what_another_process_writes_reaches_the_socket() {
    let folder = Folder::new();
    let (here, there) = two(&folder, 0.05).await;
    let key = there.backend().await;
    let (ada, pair) = here.signed_in(ADA, "user").await;
    let (mut socket, ready) = here.open(&pair.access).await;

    let version = there.assign(&key, &ada.id, "moderator").await;
    let state = socket.frame("state").await;
    assert_eq!(
        (&state["reason"], &state["state"]["version"]),
        (&json!("role_changed"), &json!(version))
    );
    assert!(state["sequence"].as_i64() > ready["sequence"].as_i64());
    let second = there.sign_in(ADA).await;
    let created = socket.frame("event").await;
    assert_eq!(
        (&created["name"], &created["data"]["session_id"]),
        (&json!("session.created"), &json!(second.session))
    );
    there.revoke_session(&key, &second.session).await;
    assert_eq!(socket.frame("event").await["name"], "session.revoked");

    let order = json!({ "session_id": pair.session, "reason": "x", "message": "from elsewhere" });
    let done = there.try_revoke(&key, "", order).await.expect(200).json();
    assert_eq!(done["sessions_revoked"], 1);
    assert_eq!(socket.signed_out("revoked").await["message"], "from elsewhere");
    here.sockets_become(0).await;
}

#[tokio::test]
async fn what_ends_many_sessions_elsewhere_ends_the_sockets_here() {
    let folder = Folder::new();
    let (here, there) = two(&folder, 0.05).await;
    let key = there.backend().await;
    let ada = here.person(ADA, "user").await;
    for (selector, scope) in [
        (json!({ "user_id": ada.id, "reason": "x" }), "user"),
        (json!({ "role": "user", "reason": "x" }), "user"),
        (json!({ "all": true, "reason": "x" }), "user"),
    ] {
        let (one, two) = (here.sign_in(ADA).await, here.sign_in(ADA).await);
        let (mut a, _) = here.open(&one.access).await;
        let (mut b, _) = here.open(&two.access).await;
        there.try_revoke(&key, "", selector).await.expect(200);
        for socket in [&mut a, &mut b] {
            assert_eq!(socket.signed_out("revoked").await["scope"], scope);
        }
        here.sockets_become(0).await;
    }
    let (keep, lose) = (here.sign_in(ADA).await, here.sign_in(ADA).await);
    let (mut a, _) = here.open(&keep.access).await;
    let (mut b, _) = here.open(&lose.access).await;
    let order = json!({ "user_id": ada.id, "except_session_id": keep.session, "reason": "x" });
    there.try_revoke(&key, "", order).await.expect(200);
    b.signed_out("revoked").await;
    assert_eq!(a.frame("event").await["name"], "session.revoked");
}

/// The journal is read a while after the fact: who has signed in again by then must not be signed out
/// by it.
#[tokio::test]
async fn a_session_born_after_the_revocation_is_spared_when_its_row_is_read_late() {
    let folder = Folder::new();
    let (here, there) = two(&folder, 1.0).await;
    let key = there.backend().await;
    let (ada, old) = there.signed_in(ADA, "user").await;
    let (mut doomed, _) = here.open(&old.access).await;
    for order in [
        json!({ "user_id": ada.id, "reason": "x" }),
        json!({ "role": "user", "reason": "x" }),
    ] {
        there.try_revoke(&key, "", order).await.expect(200);
        let again = there.sign_in(ADA).await;
        let (mut socket, _) = here.open(&again.access).await;
        doomed.signed_out("revoked").await;
        // It comes by the same way, behind what ended the other one.
        there.assign(&key, &ada.id, "moderator").await;
        socket.frame("state").await;
        there.assign(&key, &ada.id, "user").await;
        socket.frame("state").await;
        doomed = socket;
    }
}
