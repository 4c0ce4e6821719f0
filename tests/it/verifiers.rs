//! Access tokens as others verify them: `PyJWT` (`tests/pyjwt`) and the npm package jose (`tests/jose`), with the
//! published keys alone.

use std::process::Stdio;

use portcullis::audit::{Actor, Origin};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::Pair;
use crate::support::app::TestApp;
use crate::support::jwt::{kid, part};
use crate::support::source::root;

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

fn pyjwt() -> Command {
    let mut command = Command::new(root().join("scripts/python-tool"));
    command.arg("pyjwt");
    command
}

fn jose() -> Command {
    let mut command = Command::new(root().join("scripts/with-node"));
    command.args(["tests/jose", "node", "jose.mjs"]);
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

async fn verify_all(hub: &TestApp, verifier: fn() -> Command) {
    let tokens = tokens(hub).await;
    let order = json!({
        "jwks_uri": hub.url("/.well-known/jwks.json"), "issuer": hub.url(""), "tokens": tokens,
    });
    let good: Vec<Value> = tokens[..3].iter().map(|token| part(token, 1)).collect();
    let answers = ask(verifier(), &order).await;
    assert_eq!(answers, json!([good[0], good[1], good[2], null]));
    let kid = kid(&tokens[1]);
    let by = Origin::local(Actor::Operator);
    hub.app.sessions.withdraw_key(&kid, &by).await.unwrap().unwrap();
    let answers = ask(verifier(), &order).await;
    assert_eq!(
        answers,
        json!([good[0], null, good[2], null]),
        "the second key is withdrawn"
    );
}

#[tokio::test]
async fn c17_pyjwt_verifies_what_the_published_keys_signed_and_nothing_else() {
    verify_all(&TestApp::spawn().await, pyjwt).await;
}

#[tokio::test]
async fn c17_jose_verifies_what_the_published_keys_signed_and_nothing_else() {
    verify_all(&TestApp::spawn().await, jose).await;
}
