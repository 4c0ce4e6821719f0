//! The main job from end to end, against the real binary, as the README walks it.

use portcullis::roles::Permission;
use serde_json::json;

use crate::support::Pair;
use crate::support::binary::Installation;
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";
const BOSS: &str = "boss@example.org";

#[tokio::test]
async fn a_person_comes_is_promoted_and_is_signed_out_by_a_backend() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let hub = &server.caller;

    // Register, read the mail, activate, sign in.
    hub.register(ADA).await.expect(202);
    assert_eq!(
        hub.try_sign_in(ADA, PASSWORD)
            .await
            .problem(403, "account_inactive")["status"],
        403
    );
    let token = hub.mailed_token(ADA, 1).await;
    hub.get(&format!("/activate/{token}")).await.expect(200);
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .expect(200);
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .problem(410, "token_spent");
    let ada = hub.sign_in(ADA).await;
    let id = ada.body["user"]["id"].as_str().unwrap().to_owned();

    // Open a socket.
    let (mut socket, ready) = hub.open(&ada.access).await;
    assert_eq!(ready["state"]["role"], "user");
    assert_eq!(ready["session_id"], ada.session.as_str());

    // The first admin, by the address that the server printed; a role change arrives with a new token.
    let setup = format!("/api/setup/{}", server.setup_token().await);
    let admin = json!({ "email": BOSS, "password": PASSWORD });
    hub.post(&setup, admin.clone()).await.expect(201);
    hub.post(&setup, admin).await.problem(410, "token_spent");
    let boss = hub.sign_in(BOSS).await;
    let role = json!({ "role": "moderator" });
    let changed = hub
        .put_as(&boss.access, &format!("/api/users/{id}/site_role"), role)
        .await
        .expect(200)
        .json();
    let state = socket.frame("state").await;
    assert_eq!(state["reason"], "role_changed");
    assert_eq!(state["state"]["role"], "moderator");
    assert_eq!(state["state"]["version"], changed["version"]);
    assert!(changed["version"].as_i64() > ready["state"]["version"].as_i64());
    let fresh = state["access_token"].as_str().unwrap();
    let current = hub.get_as(fresh, "/api/auth/site_role").await.expect(200).json();
    assert_eq!(current["role"], "moderator");

    // A backend signs her out, and is told that it has happened.
    let scope = Permission::SessionsRevoke.as_str();
    let printed = installation
        .ask(&["key", "create", "--name", "backend", "--scopes", scope])
        .await;
    let key = printed.trim_end().lines().last().unwrap();
    let order = json!({ "session_id": ada.session, "reason": "left the company", "message": "Bye" });
    let done = hub
        .post_as(key, "/api/revocations", order)
        .await
        .expect(200)
        .json();
    assert_eq!(done["sessions_revoked"], 1);
    assert_eq!(done["receipt"]["complete"], true, "{done}");
    assert_eq!(done["receipt"]["sockets_closed"], 1, "{done}");
    let goodbye = socket.signed_out("revoked").await;
    assert_eq!(goodbye["message"], "Bye");

    everything_is_refused(hub, &ada, fresh).await;
    drop(server);
}

async fn everything_is_refused(hub: &crate::support::http::Caller, pair: &Pair, fresh: &str) {
    for access in [pair.access.as_str(), fresh] {
        hub.get_as(access, "/api/auth/site_role")
            .await
            .problem(401, "session_revoked");
        hub.get_as(access, "/api/auth/socket")
            .await
            .problem(401, "session_revoked");
    }
    hub.try_refresh(&pair.refresh)
        .await
        .problem(401, "session_revoked");
}
