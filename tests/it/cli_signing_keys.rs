//! `keys …`: signing keys are rotated and withdrawn beside a running hub.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::binary::{Installation, Server};
use crate::support::people::PASSWORD;
use crate::support::{eventually, jwt};

const ADA: &str = "ada@example.org";
/// By when a running hub has heard of it.
const HEARD: Duration = Duration::from_secs(10);

async fn keys(installation: &Installation) -> Vec<Value> {
    let printed = installation.ask(&["keys", "list", "--json"]).await;
    let list: Value = serde_json::from_str(&printed).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn kid_that_is(keys: &[Value], status: &str) -> String {
    let key = keys.iter().find(|key| key["status"] == status).unwrap();
    key["kid"].as_str().unwrap().to_owned()
}

/// Signs in until the token is signed with `kid`; gives the token.
async fn comes_to_sign_with(server: &Server, kid: &str) -> String {
    let asked = Instant::now();
    let token = eventually("the hub signs with the new key", || async {
        let pair = server.caller.sign_in(ADA).await;
        (jwt::kid(&pair.access) == kid).then_some(pair.access)
    })
    .await;
    assert!(asked.elapsed() < HEARD, "after {:?}", asked.elapsed());
    token
}

#[tokio::test]
async fn c17_a_running_hub_signs_with_the_new_key_and_refuses_a_withdrawn_one() {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_LIMITS__ENABLED", "false");
    let create = ["user", "create", "--email", ADA, "--active", "--password-stdin"];
    installation.ask_with(&create, &format!("{PASSWORD}\n")).await;
    let server = installation.serve().await;
    let before = keys(&installation).await;
    assert_eq!(before.len(), 2);
    let old = server.caller.sign_in(ADA).await.access;
    assert_eq!(jwt::kid(&old), kid_that_is(&before, "active"));

    let output = installation.run(&["keys", "rotate", "--json"]).await;
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("published only"),
        "a backend may not know it yet: {said}"
    );
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(done["active"]["kid"], kid_that_is(&before, "next"));
    assert!(done["retired"]["verifies_until"].is_string());
    let new = comes_to_sign_with(&server, done["active"]["kid"].as_str().unwrap()).await;
    for token in [&old, &new] {
        server.caller.get_as(token, "/api/users/me").await.expect(200);
    }

    let leaked = done["active"]["kid"].as_str().unwrap();
    let printed = installation.ask(&["keys", "withdraw", leaked]).await;
    assert!(printed.contains("is withdrawn"), "{printed}");
    eventually("the hub refuses what the key signed", || async {
        let answer = server.caller.get_as(&new, "/api/users/me").await;
        (answer.status == 401).then_some(())
    })
    .await;
    server.caller.get_as(&old, "/api/users/me").await.expect(200);
    let after = keys(&installation).await;
    comes_to_sign_with(&server, &kid_that_is(&after, "active")).await;
    let again = installation.ask(&["keys", "withdraw", leaked]).await;
    assert!(again.contains("was withdrawn before"), "{again}");

    let text = installation.ask(&["keys", "list"]).await;
    for word in ["next", "active", "retired", "withdrawn", leaked] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let stored: Vec<&str> = after[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(stored, ["created_at", "kid", "status", "verifies_until"]);
}

#[tokio::test]
async fn a_key_that_is_not_known_is_named_and_nothing_changes() {
    let installation = Installation::new().await;
    installation.ask(&["migrate"]).await;
    let before = keys(&installation).await;
    let output = installation
        .run(&["keys", "withdraw", "\u{1b}[31mno-such-key"])
        .await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("no-such-key") && said.contains("portcullis keys list"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert_eq!(keys(&installation).await, before);
}
