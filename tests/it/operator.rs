//! What an operator reads when something is wrong: the cause, once, and what to change.

use crate::support::binary::Installation;

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_with_its_cause_once() {
    let mut installation = Installation::new().await;
    installation.set("DATABASE_URL", "postgres://hub:secret@127.0.0.1:1/hub");
    let output = installation.run(&["migrate"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("database.url"), "{said}");
    assert_eq!(said.matches("Connection refused").count(), 1, "{said}");
    assert!(!said.contains("secret"), "{said}");
}
