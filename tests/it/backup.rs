//! Backup and restore, by the commands of `docs/OPERATIONS.md`, beside a hub that runs; and what a restore brings back.

use std::path::{Path, PathBuf};

use portcullis::roles::Permission;
use serde_json::json;
use tokio::process::Command;

use crate::support::Pair;
use crate::support::binary::{Installation, Server};
use crate::support::database::{is_postgres, program};
use crate::support::people::PASSWORD;
use crate::support::{free_address, sql};

const ADA: &str = "ada@example.org";

async fn run(program: PathBuf, arguments: &[&str]) {
    let output = Command::new(&program).args(arguments).output().await.unwrap();
    assert!(
        output.status.success(),
        "{}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The schema that the test's own tables are in.
fn schema(url: &str) -> &str {
    url.rsplit_once("search_path%3D").unwrap().1
}

/// The file of an SQLite database.
fn file(url: &str) -> &str {
    url.strip_prefix("sqlite://").unwrap()
}

async fn back_up(url: &str, copy: &Path) {
    let copy = copy.to_str().unwrap();
    if is_postgres() {
        let (file, schema) = (format!("--file={copy}"), format!("--schema={}", schema(url)));
        run(program("pg_dump"), &["--format=custom", &file, &schema, url]).await;
    } else {
        sql::texts(url, &format!("vacuum into '{copy}'")).await;
    }
}

async fn restore(url: &str, copy: &Path) {
    if is_postgres() {
        sql::execute(url, &format!("drop schema {} cascade", schema(url))).await;
        let database = format!("--dbname={url}");
        run(
            program("pg_restore"),
            &["--no-owner", &database, copy.to_str().unwrap()],
        )
        .await;
    } else {
        std::fs::copy(copy, file(url)).unwrap();
        for end in ["-wal", "-shm"] {
            let _never_there = std::fs::remove_file(format!("{}{end}", file(url)));
        }
    }
}

async fn sign_in(server: &Server) -> Pair {
    server.caller.sign_in(ADA).await
}

#[tokio::test]
async fn a_copy_that_was_made_while_the_hub_ran_serves_again_and_old_sessions_with_it() {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_HUB__DRAIN", "0.1");
    // Its address is the issuer of its tokens.
    installation.set("PORTCULLIS_HTTP__LISTEN", &free_address().await.to_string());
    let user = ["user", "create", "--email", ADA, "--active", "--password-stdin"];
    installation.ask_with(&user, &format!("{PASSWORD}\n")).await;
    let scopes = Permission::SessionsRevoke.as_str();
    let printed = installation
        .ask(&["key", "create", "--name", "x", "--scopes", scopes])
        .await;
    let key = printed.trim_end().lines().last().unwrap().to_owned();
    let mut server = installation.serve().await;
    let (kept, ended) = (sign_in(&server).await, sign_in(&server).await);
    let url = installation.database_url().to_owned();
    let copy = installation.folder.path().join("copy");
    back_up(&url, &copy).await;

    let order = json!({ "session_id": ended.session, "reason": "lost" });
    server
        .caller
        .post_as(&key, "/api/revocations", order)
        .await
        .expect(200);
    let later = sign_in(&server).await;
    assert_eq!(server.end().await, 0);
    restore(&url, &copy).await;

    let report = installation.run(&["doctor", "--json"]).await.stdout;
    let report = String::from_utf8(report).unwrap();
    assert!(
        report.contains("up to date") && report.contains("opened; "),
        "{report}"
    );
    let server = installation.serve().await;
    let hub = &server.caller;
    assert!(hub.is_live(&kept).await);
    hub.get_as(&later.access, "/api/users/me").await.expect(401);
    // What was revoked after the copy lives again: so everything is revoked after a restore.
    assert!(hub.is_live(&ended).await);
    let order = json!({ "all": true, "reason": "restore" });
    hub.post_as(&key, "/api/revocations", order).await.expect(200);
    assert!(!hub.is_live(&ended).await && !hub.is_live(&kept).await);
    let fresh = sign_in(&server).await;
    assert!(hub.is_live(&fresh).await);
}

#[tokio::test]
async fn a_hub_whose_master_secret_is_lost_goes_on_with_another_when_its_signing_keys_are_deleted() {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_HUB__DRAIN", "0.1");
    // Its address is the issuer of its tokens.
    installation.set("PORTCULLIS_HTTP__LISTEN", &free_address().await.to_string());
    let user = ["user", "create", "--email", ADA, "--active", "--password-stdin"];
    installation.set(
        "PORTCULLIS_SECRETS__MASTER",
        "the first master secret, of some length",
    );
    installation.ask_with(&user, &format!("{PASSWORD}\n")).await;
    let mut server = installation.serve().await;
    let before = sign_in(&server).await;
    assert_eq!(server.end().await, 0);
    installation.set(
        "PORTCULLIS_SECRETS__MASTER",
        "the second master secret, of some length",
    );
    let refused = installation.run(&["serve"]).await;
    assert_eq!(refused.status.code(), Some(1));
    sql::texts(
        installation.database_url(),
        "delete from signing_keys returning kid",
    )
    .await;
    let server = installation.serve().await;
    let hub = &server.caller;
    hub.get_as(&before.access, "/api/users/me")
        .await
        .problem(401, "invalid_token");
    let body = hub.try_refresh(&before.refresh).await.expect(200).json();
    let access = body["access_token"].as_str().unwrap();
    hub.get_as(access, "/api/users/me").await.expect(200);
    assert!(hub.is_live(&sign_in(&server).await).await);
}
