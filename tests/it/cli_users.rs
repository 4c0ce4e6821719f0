//! `portcullis user …`: what it prints, how it ends, and that a running hub and its sockets hear of it.

use serde_json::{Value, json};

use crate::support::binary::Installation;
use crate::support::database::is_postgres;
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";

fn one(printed: &str) -> Value {
    assert_eq!(printed.lines().count(), 1, "one line of JSON: {printed}");
    serde_json::from_str(printed).unwrap()
}

async fn create(installation: &Installation, email: &str, role: &str) -> String {
    let arguments = [
        "user",
        "create",
        "--email",
        email,
        "--role",
        role,
        "--active",
        "--password-stdin",
    ];
    let printed = installation.ask_with(&arguments, &format!("{PASSWORD}\n")).await;
    printed.trim_end().to_owned()
}

/// Runs a command that must fail; gives what it says.
async fn refused(installation: &Installation, code: i32, arguments: &[&str]) -> String {
    let output = installation.run(arguments).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(!said.trim().is_empty(), "{arguments:?}");
    said
}

#[tokio::test]
async fn a_command_says_when_it_makes_a_database() {
    let installation = Installation::new().await;
    let said = async || {
        let output = installation.run(&["user", "list"]).await;
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap()
    };
    let first = said().await;
    assert_eq!(first.contains("does not exist yet"), !is_postgres(), "{first}");
    assert_eq!(said().await, "", "now it is there");
}

#[tokio::test]
async fn users_are_made_shown_and_listed() {
    let installation = Installation::new().await;
    let id = create(&installation, ADA, "moderator").await;
    assert_eq!(id.len(), 36, "the id alone: {id}");
    let invited = [
        "user",
        "create",
        "--email",
        "Eve@Example.org",
        "--name",
        "Eve",
        "--invite",
        "--json",
    ];
    let invited = one(&installation.ask(&invited).await);
    assert_eq!(invited.as_object().unwrap().len(), 1);

    let shown = one(&installation.ask(&["user", "show", ADA, "--json"]).await);
    insta::assert_json_snapshot!(shown, { ".id" => "[id]", ".created_at" => "[time]" }, @r#"
    {
      "avatar_url": null,
      "created_at": "[time]",
      "email": "ada@example.org",
      "email_verified": true,
      "id": "[id]",
      "locale": null,
      "name": null,
      "site_role": "moderator",
      "status": "active",
      "version": 1
    }
    "#);
    assert_eq!(shown["id"], id.as_str());
    let list = one(&installation.ask(&["user", "list", "--json"]).await);
    let emails: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["email"].as_str().unwrap())
        .collect();
    assert_eq!(emails, ["eve@example.org", ADA], "newest first");
    assert_eq!(list["items"][1], shown);
    assert_eq!(list["items"][0]["status"], "pending");
    assert_eq!(list["items"][0]["id"], invited["id"]);
    let text = installation.ask(&["user", "list"]).await;
    assert!(text.lines().count() == 3 && text.contains(ADA) && text.contains(&id));
    let text = installation.ask(&["user", "show", ADA]).await;
    assert!(text.contains(&id) && text.contains("moderator"));

    for (code, arguments) in [
        (1, &["user", "create", "--email", ADA, "--invite"][..]),
        (
            1,
            &[
                "user",
                "create",
                "--email",
                "x@example.org",
                "--role",
                "boss",
                "--invite",
            ],
        ),
        (1, &["user", "show", "nobody@example.org"]),
        (1, &["user", "role", "nobody@example.org", "user"]),
        (1, &["user", "role", ADA, "boss"]),
        (1, &["user", "disable", "nobody@example.org"]),
        (1, &["user", "disable", "eve@example.org"]),
        (1, &["user", "revoke", "nobody@example.org"]),
        (2, &["user", "show", "ada"]),
        (2, &["user"]),
    ] {
        refused(&installation, code, arguments).await;
    }
    let weak = [
        "user",
        "create",
        "--email",
        "weak@example.org",
        "--active",
        "--password-stdin",
    ];
    let mut command = installation.command(&weak);
    command.stdin(std::process::Stdio::from(
        std::fs::File::open("/dev/null").unwrap(),
    ));
    assert_eq!(
        command.output().await.unwrap().status.code(),
        Some(1),
        "no password, no user"
    );
}

#[tokio::test]
async fn a_running_hub_and_its_sockets_hear_of_what_an_operator_does() {
    let installation = Installation::new().await;
    create(&installation, ADA, "user").await;
    create(&installation, "boss@example.org", "admin").await;
    let server = installation.serve().await;
    let hub = &server.caller;
    let ada = hub.sign_in(ADA).await;
    let (mut socket, ready) = hub.open(&ada.access).await;
    assert_eq!(ready["state"]["role"], "user");

    let role = one(&installation
        .ask(&["user", "role", ADA, "moderator", "--json"])
        .await);
    assert_eq!(role["role"], "moderator");
    assert_eq!(
        role["version"].as_i64(),
        ready["state"]["version"].as_i64().map(|version| version + 1)
    );
    let state = socket.frame("state").await;
    assert_eq!(state["reason"], "role_changed");
    assert_eq!(
        (&state["state"]["role"], &state["state"]["version"]),
        (&role["role"], &role["version"])
    );
    let seen = hub
        .get_as(&ada.access, "/api/auth/site_role")
        .await
        .expect(200)
        .json();
    assert_eq!(seen, role);

    let revoked = one(&installation.ask(&["user", "revoke", ADA, "--json"]).await);
    assert_eq!(revoked["sessions_revoked"], 1);
    assert_eq!(socket.signed_out("revoked").await["code"], 4001);
    hub.get_as(&ada.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hub.try_refresh(&ada.refresh)
        .await
        .problem(401, "session_revoked");
    let again = one(&installation.ask(&["user", "revoke", ADA, "--json"]).await);
    assert_eq!(again["sessions_revoked"], 0);

    let ada = hub.sign_in(ADA).await;
    let (mut socket, _) = hub.open(&ada.access).await;
    let disabled = one(&installation.ask(&["user", "disable", ADA, "--json"]).await);
    assert_eq!(disabled["status"], "disabled");
    assert_eq!(socket.signed_out("account_disabled").await["code"], 4002);
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(403, "account_disabled");
    let enabled = one(&installation.ask(&["user", "enable", ADA, "--json"]).await);
    assert_eq!(enabled["status"], "active");
    assert!(enabled["version"].as_i64() > disabled["version"].as_i64());
    hub.sign_in(ADA).await;

    // The last admin stays, at the command line too.
    let said = refused(&installation, 1, &["user", "role", "boss@example.org", "user"]).await;
    assert!(said.contains("admin"), "{said}");
    refused(&installation, 1, &["user", "disable", "boss@example.org"]).await;
}

#[tokio::test]
async fn an_invited_person_chooses_a_password_and_signs_in() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    installation
        .ask(&["user", "create", "--email", ADA, "--invite"])
        .await;
    let token = server.caller.mailed_token(ADA, 1).await;
    let path = format!("/api/auth/recovery/{token}");
    server
        .caller
        .post(&path, json!({ "password": PASSWORD }))
        .await
        .expect(204);
    let ada = server.caller.sign_in(ADA).await;
    assert_eq!(ada.body["user"]["status"], "active");
    assert_eq!(ada.body["user"]["email_verified"], true);
}
