//! Access tokens as others verify them: `PyJWT` and the npm package jose, with the published keys alone.
//!
//! `scripts/install-test-tools` sees to Python with `PyJWT` and to Node; jose is installed once, by its lock
//! file, into `target/tmp/verifiers`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use portcullis::audit::{Actor, Origin};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::Pair;
use crate::support::app::TestApp;
use crate::support::jwt::{kid, part};

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/verifiers")
}

/// Runs `program` on `input`; gives what it printed.
async fn ask(mut program: Command, input: &Value) -> Value {
    program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = program.kill_on_drop(true).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let output = process.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

async fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}

/// A Python that has `PyJWT`: the one on the path, or the system's.
async fn python() -> Command {
    for program in ["python3", "/usr/bin/python3"] {
        if succeeds(program, &["-c", "import jwt, cryptography"]).await {
            let mut command = Command::new(program);
            command.arg(scripts().join("verify.py"));
            return command;
        }
    }
    panic!("Python has no PyJWT; scripts/install-test-tools installs it");
}

/// Node with jose.
async fn node() -> Command {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verifiers");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = "package-lock.json";
    let wanted = std::fs::read(scripts().join(lock)).unwrap();
    // What npm notes beside the packages once all of them are there.
    let is_there = folder.join("node_modules/.package-lock.json").exists();
    if !is_there || std::fs::read(folder.join(lock)).ok() != Some(wanted) {
        for name in ["package.json", lock] {
            std::fs::copy(scripts().join(name), folder.join(name)).unwrap();
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]);
        let output = npm.current_dir(&folder).output().await.expect("npm runs");
        assert!(
            output.status.success(),
            "npm ci: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let mut command = Command::new("node");
    command.arg(scripts().join("verify.mjs")).current_dir(folder);
    command
}

/// Tokens of three keys, two of them retired by now, and last one that was tampered with.
async fn tokens(hub: &TestApp) -> Vec<String> {
    let by = Origin::local(Actor::Operator);
    let (_, first) = hub.signed_in("ada@example.org", "moderator").await;
    let mut tokens = vec![first.access];
    for _ in 0..2 {
        hub.app.sessions.rotate_keys(&by).await.unwrap();
        let next: Pair = hub.sign_in("ada@example.org").await;
        tokens.push(next.access);
    }
    let parts: Vec<&str> = tokens[2].split('.').collect();
    let mut claims = part(&tokens[2], 1);
    claims["role"] = json!("admin");
    let promoted = data_encoding::BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    tokens.push(format!("{}.{promoted}.{}", parts[0], parts[2]));
    tokens
}

async fn verify_all(hub: &TestApp, verifier: impl AsyncFn() -> Command) {
    let tokens = tokens(hub).await;
    let order = json!({
        "jwks_uri": hub.url("/.well-known/jwks.json"), "issuer": hub.url(""), "tokens": tokens,
    });
    let good: Vec<Value> = tokens[..3].iter().map(|token| part(token, 1)).collect();
    let answers = ask(verifier().await, &order).await;
    assert_eq!(answers, json!([good[0], good[1], good[2], null]));
    let kid = kid(&tokens[1]);
    let by = Origin::local(Actor::Operator);
    hub.app.sessions.withdraw_key(&kid, &by).await.unwrap().unwrap();
    let answers = ask(verifier().await, &order).await;
    assert_eq!(
        answers,
        json!([good[0], null, good[2], null]),
        "the second key is withdrawn"
    );
}

#[tokio::test]
async fn c17_pyjwt_verifies_what_the_published_keys_signed_and_nothing_else() {
    verify_all(&TestApp::spawn().await, python).await;
}

#[tokio::test]
async fn c17_jose_verifies_what_the_published_keys_signed_and_nothing_else() {
    verify_all(&TestApp::spawn().await, node).await;
}
