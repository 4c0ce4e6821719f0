//! Whether the process lives and can serve.

use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn a_draining_server_lives_and_is_not_ready() {
    let app = TestApp::spawn().await;
    assert_eq!(
        app.get("/healthz").await.expect(200).json(),
        json!({ "status": "ok" })
    );
    assert_eq!(
        app.get("/readyz").await.expect(200).json(),
        json!({ "status": "ready" })
    );
    app.app.lifecycle.drain();
    app.get("/healthz").await.expect(200);
    let refused = app.get("/readyz").await;
    let body = refused.problem(503, "unavailable");
    let after = refused.header("retry-after").expect("says when to come back");
    assert_eq!(after, body["retry_after"].to_string());
    // Who is here already is still served.
    app.get("/api/users/me")
        .await
        .problem(401, "authentication_required");
}

#[tokio::test]
async fn a_server_without_its_database_lives_and_is_not_ready() {
    let app = TestApp::spawn().await;
    app.app.cx.db.close().await;
    app.get("/healthz").await.expect(200);
    app.get("/readyz").await.problem(503, "unavailable");
    app.try_sign_in("ada@example.org", "whatever it is")
        .await
        .problem(503, "unavailable");
    app.get("/").await.expect(200);
}
