//! The API does what its OpenAPI document says: schemathesis makes requests out of the document, valid and not,
//! and holds the answers against it. `tests/api_fuzz` says with which checks.

use std::process::Stdio;

use portcullis::roles::Permission;

use crate::support::app::Tuning;
use crate::support::source::root;

/// Longer than any run.
const LONG: u32 = 86_400;

/// What a caller of this kind may send, answered as documented, and nothing else.
async fn fuzz(caller: &str) {
    let app = Tuning::new()
        .configure(|config| config.tokens.access_ttl = LONG)
        .spawn()
        .await;
    let (boss, admin) = app.signed_in("boss@example.org", "admin").await;
    let (ada, user) = app.signed_in("ada@example.org", "user").await;
    let (_, leaving) = app.signed_in("leaving@example.org", "user").await;
    let key = app.service_key(Permission::ALL).await;
    let key_id = app.app.service_keys.list().await.unwrap()[0].id.to_string();
    let kept = [&boss.id, &admin.session, &ada.id, &user.session, &key_id].map(String::as_str);

    let mut program = tokio::process::Command::new(root().join("scripts/python-tool"));
    program
        .args(["api_fuzz", caller, app.url("").as_str()])
        .env("API_FUZZ_KEEP", kept.join(","))
        .env("API_FUZZ_LEAVING", leaving.access)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    match caller {
        "user" => program.env("API_FUZZ_BEARER", &user.access),
        "admin" => program.env("API_FUZZ_BEARER", &admin.access),
        "service_key" => program.env("API_FUZZ_BEARER", &key),
        _ => program.env_remove("API_FUZZ_BEARER"),
    };
    let output = program.output().await.unwrap();
    let (said, failed) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{failed}");

    // Else some of it was sent by somebody who had been signed out.
    for bearer in [&user.access, &admin.access] {
        app.get_as(bearer, "/api/users/me").await.expect(200);
    }
    app.get_as(&key, "/api/service_keys").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_signed_in_is_answered_as_documented() {
    fuzz("nobody").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_answered_as_documented() {
    fuzz("user").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_is_answered_as_documented() {
    fuzz("admin").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_key_is_answered_as_documented() {
    fuzz("service_key").await;
}
