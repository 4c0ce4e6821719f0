//! A socket through the upgrade, and what ends it on whichever hub it is.

use super::PublicUrl;
use crate::support::eventually;
use crate::support::http::Caller;

const ADA: &str = "ada@example.org";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_logout_reaches_the_sockets_of_both_hubs() {
    let site = PublicUrl::start().await;
    site.person(ADA).await;
    let ada = site.from([8, 1]);
    let backend = site.listed().caller;
    let pair = ada.caller.sign_in(ADA).await;
    // Each goes to where there are fewer.
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let ticket = ada.caller.socket_token(&pair.access).await;
        let mut socket = ada.try_open(&ticket).await.unwrap();
        assert_eq!(socket.frame("ready").await["session_id"], pair.session.as_str());
        sockets.push(socket);
    }
    let shown = backend.get_as(&site.key, "/api/hub").await.expect(200).json();
    let nodes = shown["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2);
    eventually("each hub has one of them", || async {
        let shown = backend.get_as(&site.key, "/api/hub").await.expect(200).json();
        let nodes = shown["nodes"].as_array().unwrap();
        nodes.iter().all(|node| node["connections"] == 1).then_some(())
    })
    .await;
    let order = serde_json::json!({ "session_id": pair.session, "reason": "a test" });
    let done = backend
        .try_revoke(&site.key, "?wait=all&timeout_ms=5000", order)
        .await;
    let done = done.expect(200).json();
    assert_eq!(done["sessions_revoked"], 1);
    assert_eq!(done["receipt"]["complete"], true, "{done}");
    for socket in &mut sockets {
        socket.signed_out("revoked").await;
    }
    ada.caller
        .get_as(&pair.access, "/api/auth/socket")
        .await
        .problem(401, "session_revoked");
    is_secure(&ada.caller).await;
}

/// What people see is what the hub says: by https, and told to stay there.
async fn is_secure(caller: &Caller) {
    let page = caller.get("/sign-in").await.expect(200);
    assert!(page.header("strict-transport-security").is_some());
    assert_eq!(page.header("server"), Some("nginx"), "without its version");
}
