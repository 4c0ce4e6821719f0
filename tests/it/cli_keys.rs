//! `portcullis key …`: the credentials of backends, made and ended beside a running hub.

use serde_json::Value;

use crate::support::binary::Installation;

fn items(printed: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(printed).unwrap();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_key_works_at_once_as_its_last_line_says_and_ends_when_it_is_revoked() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let create = [
        "key",
        "create",
        "--name",
        "the shop",
        "--scopes",
        "users:read,sessions:revoke",
    ];
    let printed = installation.ask(&create).await;
    let secret = printed.trim_end().lines().last().unwrap();
    assert!(secret.starts_with("pck_") && !secret.contains(' '), "{printed}");
    server.caller.get_as(secret, "/api/users").await.expect(200);
    server
        .caller
        .get_as(secret, "/api/service_keys")
        .await
        .problem(403, "forbidden");

    let bound = [
        "key",
        "create",
        "--name",
        "bound",
        "--scopes",
        "users:read",
        "--expires",
        "90d",
        "--allow",
        "10.0.0.0/8,192.0.2.1",
        "--json",
    ];
    let bound: Value = serde_json::from_str(&installation.ask(&bound).await).unwrap();
    assert_eq!(bound["allow"], serde_json::json!(["10.0.0.0/8", "192.0.2.1/32"]));
    let elsewhere = bound["secret"].as_str().unwrap();
    server
        .caller
        .get_as(elsewhere, "/api/users")
        .await
        .problem(403, "address_not_allowed");

    let printed = installation.ask(&["key", "list", "--json"]).await;
    assert!(!printed.contains("pck_") && !printed.contains("secret") && !printed.contains("hash"));
    let keys = items(&printed);
    let names: Vec<&str> = keys.iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bound", "the shop"], "newest first");
    insta::assert_json_snapshot!(keys[0], {
        ".id" => "[id]", ".created_at" => "[time]", ".expires_at" => "[time]",
    }, @r#"
    {
      "allow": [
        "10.0.0.0/8",
        "192.0.2.1/32"
      ],
      "created_at": "[time]",
      "expires_at": "[time]",
      "id": "[id]",
      "name": "bound",
      "revoked_at": null,
      "scopes": [
        "users:read"
      ]
    }
    "#);
    let text = installation.ask(&["key", "list"]).await;
    assert!(
        !text.contains("pck_") && text.contains("valid") && text.contains("everywhere"),
        "{text}"
    );

    let id = keys[1]["id"].as_str().unwrap();
    installation.ask(&["key", "revoke", id]).await;
    server
        .caller
        .get_as(secret, "/api/users")
        .await
        .problem(401, "invalid_token");
    let keys = items(&installation.ask(&["key", "list", "--json"]).await);
    assert!(keys[1]["revoked_at"].is_string());
    installation.ask(&["key", "revoke", id, "--json"]).await;
}

#[tokio::test]
async fn a_key_that_makes_no_sense_is_not_made() {
    let installation = Installation::new().await;
    for (code, arguments) in [
        (1, &["key", "revoke", crate::support::document::NOBODY][..]),
        (1, &["key", "create", "--name", " ", "--scopes", "users:read"]),
        (2, &["key", "create", "--name", "x", "--scopes", "users:fly"]),
        (
            2,
            &[
                "key",
                "create",
                "--name",
                "x",
                "--scopes",
                "users:read",
                "--expires",
                "0d",
            ],
        ),
        (2, &["key", "revoke", "1"]),
        (2, &["key"]),
    ] {
        let output = installation.run(arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    let listed = installation.ask(&["key", "list", "--json"]).await;
    assert_eq!(items(&listed), [] as [Value; 0]);
}
