//! Every act over REST, and what the log has of it.

use portcullis::roles::Permission::{self, UsersRead};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::document::NOBODY;
use crate::support::people::PASSWORD;

/// What is done, by whom (nobody, a key with every scope, a key with a few, a person), which action and outcome
/// the log has of it, about whom, and the body.
pub const ACTS: &str = r#"
    POST   /api/users                  -    user.register      ok                  ?   {"email":"new@example.org","password":"PASSWORD"}
    PATCH  /api/auth/activate/x        -    user.activate      token_spent         -
    POST   /api/auth/activate          -    activation.resend  ok                  -   {"email":"x@example.org"}
    POST   /api/auth/recovery          -    recovery.request   ok                  ada {"email":"ada@example.org"}
    POST   /api/auth/recovery/x        -    recovery.complete  token_spent         -   {"password":"PASSWORD"}
    POST   /api/setup/x                -    user.setup         token_spent         -   {"email":"x@example.org","password":"PASSWORD"}
    POST   /api/auth                   -    session.create     ok                  ada {"email":"ada@example.org","password":"PASSWORD"}
    POST   /api/auth                   -    session.create     invalid_credentials ada {"email":"ada@example.org","password":"mistyped"}
    POST   /api/auth                   -    session.create     invalid_credentials -   {"email":"x@example.org","password":"mistyped"}
    POST   /api/auth/refresh           -    session.refresh    ok                  mo  {"refresh_token":"REFRESH"}
    POST   /api/auth/refresh           -    session.refresh    invalid_token       -   {"refresh_token":"pcr_x"}
    PUT    /api/users/{ada}/site_role  key  user.role          ok                  ada {"role":"moderator"}
    PUT    /api/users/{ada}/site_role  weak user.role          forbidden           ada {"role":"user"}
    PUT    /api/users/{ada}/site_role  key  user.role          ok                  ada {"role":"user"}
    PATCH  /api/users/{ada}            key  user.update        ok                  ada {"name":"Ada"}
    PATCH  /api/users/{mo}             weak user.update        forbidden           mo  {"name":"Eve"}
    PATCH  /api/users/{eve}            key  user.status        ok                  eve {"status":"disabled"}
    POST   /api/auth                   -    session.create     account_disabled    eve {"email":"eve@example.org","password":"PASSWORD"}
    DELETE /api/users/{mo}             weak user.delete        forbidden           mo
    PUT    /api/users/NOBODY/site_role key  user.role          not_found           ?   {"role":"user"}
    PATCH  /api/users/NOBODY           key  user.update        not_found           ?   {"name":"Nobody"}
    DELETE /api/users/NOBODY           key  user.delete        not_found           ?
    DELETE /api/users/{eve}            key  user.delete        ok                  eve
    PUT    /api/roles/editor           key  role.write         ok                  -   {"permissions":["a"]}
    PUT    /api/roles/editor           weak role.write         forbidden           -   {"permissions":["hub:read"]}
    PUT    /api/roles/admin            key  role.write         last_admin          -   {"permissions":[]}
    DELETE /api/roles/user             key  role.delete        conflict            -
    DELETE /api/roles/editor           key  role.delete        ok                  -
    DELETE /api/roles/editor           key  role.delete        not_found           -
    DELETE /api/service_keys/NOBODY    key  key.revoke         not_found           -
    POST   /api/service_keys           key  key.create         ok                  -   {"name":"a","scopes":["hub:read"]}
    POST   /api/revocations            key  session.revoke     ok                  ada {"user_id":"{ada}","reason":"r"}
    POST   /api/revocations            mo   session.revoke     forbidden           -   {"all":true,"reason":"r"}
    POST   /api/revocations            key  session.revoke     not_found           ?   {"user_id":"NOBODY","reason":"r"}
    GET    /api/audit                  mo   management.refuse  forbidden           mo
    GET    /api/audit                  weak management.refuse  forbidden           -
    PATCH  /api/users/me               mo   user.update        ok                  mo  {"name":"Mo"}
    GET    /api/users/me/export        mo   user.export        ok                  mo
    POST   /api/users/me/password      mo   password.change    wrong_password      mo  {"current_password":"mistyped","new_password":"PASSWORD"}
    POST   /api/users/me/email         mo   email.request      wrong_password      mo  {"email":"x@example.org","password":"mistyped"}
    POST   /api/users/me/email/x       -    email.change       token_spent         -
    POST   /api/users/email-undo/x     -    email.undo         token_spent         -
    POST   /api/auth/device-revoke/x   -    device.revoke      token_spent         -
    DELETE /api/users/me               mo   user.delete        wrong_password      mo  {"password":"mistyped"}
    DELETE /api/users/me/sessions/NOBODY mo session.logout     not_found           mo
    DELETE /api/users/me/sessions      mo   session.logout     ok                  mo
    POST   /api/auth/logout            mo   session.logout     ok                  mo  {}
"#;

#[tokio::test]
async fn t15_every_act_over_rest_leaves_one_line_also_where_it_was_refused() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(Permission::ALL).await;
    let weak = hub
        .service_key(&[UsersRead, Permission::UsersWrite, Permission::RolesWrite])
        .await;
    let (ada, pair) = hub.signed_in("ada@example.org", "user").await;
    let (mo, mos) = hub.signed_in("mo@example.org", "moderator").await;
    hub.sign_in("mo@example.org").await;
    let eve = hub.person("eve@example.org", "user").await;
    hub.person("boss@example.org", "admin").await;
    let id = |name: &str| match name {
        "ada" => json!(ada.id),
        "mo" => json!(mo.id),
        "eve" => json!(eve.id),
        _ => Value::Null,
    };
    let fill = |text: &str| {
        let text = text.replace("{ada}", &ada.id).replace("{mo}", &mo.id);
        let text = text.replace("{eve}", &eve.id).replace("PASSWORD", PASSWORD);
        let text = text.replace("NOBODY", NOBODY);
        text.replace("REFRESH", &mos.refresh)
    };
    for act in ACTS.trim().lines() {
        let about = act.trim();
        let (head, body) = about.split_once(" {").unwrap_or((about, ""));
        let words: Vec<&str> = head.split_whitespace().collect();
        let [method, path, caller, action, outcome, subject] = words[..] else {
            panic!("{about}")
        };
        let body = match body {
            "" => Value::Null,
            body => serde_json::from_str(&fill(&format!("{{{body}"))).unwrap(),
        };
        let (bearer, actor) = match caller {
            "key" => (Some(key.as_str()), "service_key:".to_owned()),
            "weak" => (Some(weak.as_str()), "service_key:".to_owned()),
            "mo" => (Some(mos.access.as_str()), format!("user:{}", mo.id)),
            _ => (None, "anonymous".to_owned()),
        };
        let (answer, lines) = hub.traced(&key, method, &fill(path), bearer, body).await;
        let [line] = lines.as_slice() else {
            panic!("{about}: {} left {lines:?}", answer.text());
        };
        assert_eq!(
            (&line["action"], &line["outcome"]),
            (&json!(action), &json!(outcome)),
            "{about}"
        );
        assert_eq!(line["ip"], "127.0.0.1", "{about}");
        if subject != "?" {
            assert_eq!(line["user_id"], id(subject), "{about}");
        }
        // Signing out is proven by a token, and asked for by nobody in particular.
        if action != "session.logout" {
            assert!(
                line["actor"].as_str().unwrap().starts_with(&actor),
                "{about}: {line}"
            );
        }
        for secret in [PASSWORD, "example.org", "mistyped", &mos.refresh, &key] {
            assert!(!line.to_string().contains(secret), "{about}: {line}");
        }
    }
    // No act: a look, and a token that is nobody's any more.
    for (path, bearer, status) in [
        ("/api/users", &key, 200),
        ("/api/audit", &key, 200),
        ("/api/users", &pair.access, 401),
    ] {
        let (answer, lines) = hub.traced(&key, "GET", path, Some(bearer), Value::Null).await;
        assert_eq!((answer.status, lines.len()), (status, 0), "{path}");
    }
}

#[tokio::test]
async fn t15_a_refusal_says_what_was_wanted() {
    let hub = TestApp::spawn().await;
    let all = hub.service_key(Permission::ALL).await;
    let weak = hub
        .service_key(&[Permission::RolesWrite, Permission::KeysWrite])
        .await;
    let (mo, mos) = hub.signed_in("mo@example.org", "moderator").await;
    let (boss, bosses) = hub.signed_in("boss@example.org", "admin").await;
    let one = format!("/api/users/{}/site_role", mo.id);
    for (method, path, bearer, body, details) in [
        (
            "PUT",
            one.as_str(),
            &weak,
            json!({ "role": "admin" }),
            json!({ "to": "admin" }),
        ),
        (
            "PUT",
            "/api/roles/editor",
            &weak,
            json!({ "permissions": ["hub:read"] }),
            json!({ "role": "editor", "permissions": ["hub:read"] }),
        ),
        (
            "DELETE",
            "/api/roles/moderator",
            &weak,
            Value::Null,
            json!({ "role": "moderator" }),
        ),
        (
            "POST",
            "/api/service_keys",
            &weak,
            json!({ "name": "a", "scopes": ["audit:read"] }),
            json!({ "scopes": ["audit:read"] }),
        ),
        (
            "POST",
            "/api/revocations",
            &mos.access,
            json!({ "session_id": bosses.session, "reason": "left" }),
            json!({ "selector": { "session_id": bosses.session }, "reason": "left" }),
        ),
        (
            "POST",
            "/api/revocations",
            &mos.access,
            json!({ "user_id": boss.id, "reason": "left" }),
            json!({ "selector": { "user_id": boss.id, "except_session_id": null }, "reason": "left" }),
        ),
    ] {
        let (answer, lines) = hub.traced(&all, method, path, Some(bearer), body).await;
        answer.problem(403, "forbidden");
        assert_eq!(lines.len(), 1, "{method} {path}");
        assert_eq!(lines[0]["details"], details, "{method} {path}");
    }
}
