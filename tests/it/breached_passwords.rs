//! ASVS 6.2.12: with a list of breached passwords none of them is taken, wherever one is chosen; a list that
//! fails lets none through; and one that will not do is a fault of the configuration.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::HEXUPPER;
use serde_json::{Value, json};

use crate::pages::hints::unknown_part;
use crate::support::app::{TestApp, Tuning};
use crate::support::binary::Installation;
use crate::support::database::Folder;
use crate::support::http::Answer;
use crate::support::people::PASSWORD;

const BREACHED: &str = "plinth gravel otter quench";
const ADA: &str = "ada@example.org";

/// A list that holds [`BREACHED`] alone.
fn list() -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, BREACHED.as_bytes());
    format!("{}:12\n", HEXUPPER.encode(hash.as_ref()))
}

#[track_caller]
fn is_refused_as_breached(answer: &Answer, field: &str) {
    let problem = answer.problem(422, "validation_failed");
    let fault = &problem["errors"][0];
    assert_eq!(
        (&fault["field"], &fault["code"]),
        (&json!(field), &json!("weak_password"))
    );
    let detail = fault["detail"].as_str().unwrap();
    assert!(detail.contains("broken into"), "{fault}");
    assert_eq!(unknown_part(detail), "", "the pages say it in every language");
}

async fn hub_with(file: std::path::PathBuf) -> TestApp {
    let hub = Tuning::new().configure(|config| config.passwords.breached = Some(file));
    hub.spawn().await
}

fn registration(password: &str) -> Value {
    json!({ "email": "new@example.org", "password": password })
}

#[tokio::test]
async fn no_route_takes_a_breached_password() {
    let folder = Folder::new();
    let file = folder.path().join("breached.txt");
    std::fs::write(&file, list()).unwrap();
    let hub = hub_with(file).await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    is_refused_as_breached(&hub.post("/api/users", registration(BREACHED)).await, "password");
    hub.post("/api/users", registration(&BREACHED.to_uppercase()))
        .await
        .expect(202);

    let change = json!({ "current_password": PASSWORD, "new_password": BREACHED });
    let answer = hub.post_as(&ada.access, "/api/users/me/password", change).await;
    is_refused_as_breached(&answer, "new_password");

    hub.post("/api/auth/recovery", json!({ "email": ADA }))
        .await
        .expect(202);
    let token = hub.mailed_token(ADA, 1).await;
    let recovery = format!("/api/auth/recovery/{token}");
    let answer = hub.post(&recovery, json!({ "password": BREACHED })).await;
    is_refused_as_breached(&answer, "password");
    // The token is not spent by it.
    hub.post(&recovery, json!({ "password": "otter quench gravel plinth" }))
        .await
        .expect(204);
}

#[tokio::test]
async fn a_list_that_fails_takes_no_password_and_keeps_nobody_from_signing_in() {
    let folder = Folder::new();
    let file = folder.path().join("breached.txt");
    std::fs::write(&file, list()).unwrap();
    let hub = hub_with(file.clone()).await;
    hub.person(ADA, "user").await;
    std::fs::write(&file, "").unwrap();
    let answer = hub
        .post("/api/users", registration("otter quench gravel plinth"))
        .await;
    let problem = answer.problem(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
    assert!(!problem.to_string().contains("breached.txt"), "{problem}");
    hub.sign_in(ADA).await;
}

#[tokio::test]
async fn a_list_that_will_not_do_is_a_fault_of_the_configuration() {
    let mut installation = Installation::new().await;
    let file = installation.folder.path().join("breached.txt");
    installation.set("PORTCULLIS_PASSWORDS__BREACHED", file.to_str().unwrap());
    let reversed = [list(), format!("{}:1\n", "0".repeat(40))].concat();
    for (content, told) in [
        (None, "cannot be read"),
        (Some("password\n"), "SHA-1:count"),
        (Some(&*reversed), "not ordered by hash"),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        for arguments in [&["config", "check"][..], &["serve"], &["user", "list"]] {
            let output = installation.run(arguments).await;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
            for part in [
                "passwords.breached",
                "PORTCULLIS_PASSWORDS__BREACHED",
                "breached.txt",
                told,
            ] {
                assert!(said.contains(part), "{arguments:?} {part}: {said}");
            }
        }
    }
    std::fs::write(&file, list()).unwrap();
    installation.ask(&["config", "check"]).await;
}
