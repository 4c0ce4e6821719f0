//! T15: an act that cannot be written down is not done, whichever it is.

use portcullis::roles::Permission;
use portcullis::store::Db;
use serde_json::{Value, json};

use super::coverage::is_complete;
use crate::support::app::TestApp;
use crate::support::http::Answer;
use crate::support::people::{PASSWORD, Pair};

/// What is done, by whom (nobody, a key with every scope, Ada, Carol), and the body. Each would be done, if the
/// log took a line.
const ACTS: &str = r#"
    POST   /api/users                        -     {"email":"new@example.org","password":"{PASSWORD}"}
    POST   /api/users                        -     {"email":"ada@example.org","password":"{PASSWORD}"}
    PATCH  /api/auth/activate/{ACTIVATION}     -
    POST   /api/auth/activate                -     {"email":"late@example.org"}
    POST   /api/auth/recovery                -     {"email":"ada@example.org"}
    POST   /api/auth/recovery/{RECOVERY}       -     {"password":"otter quench gravel plinth"}
    POST   /api/setup/{SETUP}                  -     {"email":"boss@example.org","password":"{PASSWORD}"}
    POST   /api/auth                         -     {"email":"ada@example.org","password":"{PASSWORD}"}
    POST   /api/auth/refresh                 -     {"refresh_token":"{REFRESH}"}
    POST   /api/auth/logout                  -     {"refresh_token":"{REFRESH}"}
    POST   /api/auth/logout                  ada   {}
    POST   /api/auth/logout                  ada   {"scope":"all"}
    POST   /api/auth/device-revoke/{DEVICE}    -     {}
    PATCH  /api/users/me                     ada   {"name":"Eve"}
    POST   /api/users/me/password            ada   {"current_password":"{PASSWORD}","new_password":"otter quench gravel plinth"}
    POST   /api/users/me/email               ada   {"email":"ada.new@example.org","password":"{PASSWORD}"}
    POST   /api/users/me/email/{CHANGE}        -     {}
    POST   /api/users/email-undo/{UNDO}        -     {}
    DELETE /api/users/me/sessions/{SESSION}    ada
    DELETE /api/users/me/sessions            ada
    DELETE /api/users/me                     carol {"password":"{PASSWORD}"}
    PATCH  /api/users/{ADA}                    key   {"name":"Eve"}
    PATCH  /api/users/{ADA}                    key   {"status":"disabled"}
    PUT    /api/users/{ADA}/site_role          key   {"role":"moderator"}
    DELETE /api/users/{ADA}                    key
    PUT    /api/roles/writer                 key   {"permissions":["a"]}
    PUT    /api/roles/editor                 key   {"permissions":["a","b"]}
    PUT    /api/roles/user                   key   {"permissions":["a"]}
    DELETE /api/roles/editor                 key
    POST   /api/service_keys                 key   {"name":"a","scopes":["hub:read"]}
    DELETE /api/service_keys/{SPARE}           key
    POST   /api/revocations                  key   {"session_id":"{SESSION}","reason":"r"}
    POST   /api/revocations                  key   {"user_id":"{ADA}","reason":"r"}
    POST   /api/revocations                  key   {"role":"user","reason":"r"}
    POST   /api/revocations                  key   {"all":true,"reason":"r"}
"#;

/// From now on the database takes no line.
pub async fn fill_the_log(hub: &TestApp) {
    const POSTGRES: &str = "create function no_more_lines() returns trigger language plpgsql as $$
            begin raise exception 'the log is full'; end $$;
        create trigger audit_is_full before insert on audit for each row execute function no_more_lines()";
    const SQLITE: &str = "create trigger audit_is_full before insert on audit
        begin select raise(abort, 'the log is full'); end";
    match &hub.app.cx.db {
        Db::Postgres { requests, .. } => {
            sqlx::raw_sql(POSTGRES).execute(requests).await.unwrap();
        }
        Db::Sqlite { writer, .. } => {
            sqlx::raw_sql(SQLITE).execute(writer).await.unwrap();
        }
    }
}

/// All that acts change, but for what changes by itself, such as when somebody was last seen.
async fn state(hub: &TestApp) -> Vec<String> {
    let tables = [
        "users: ",
        "roles: ",
        "mailed_tokens: ",
        "setup_tokens: ",
        "refresh_tokens: ",
        "journal: ",
        "revocations: ",
    ];
    let mut rows = hub.dump().await;
    rows.retain(|row| tables.iter().any(|table| row.starts_with(table)));
    rows.sort_unstable();
    for counted in [
        "sessions where revoked_at is null",
        "service_keys where revoked_at is null",
        "known_devices",
        "mails",
    ] {
        rows.push(format!("{counted}: {}", hub.count(counted).await));
    }
    rows
}

/// Signs in with this program.
async fn sign_in_by(hub: &TestApp, email: &str, program: &str) -> Pair {
    let body = json!({ "email": email, "password": PASSWORD });
    let request = hub.request(reqwest::Method::POST, "/api/auth");
    Pair::of(
        &Answer::of(request.header("User-Agent", program).json(&body))
            .await
            .expect(200),
    )
}

/// Everybody and everything that the acts are about, and what stands for them in the table.
async fn scene(hub: &TestApp) -> Vec<(&'static str, String)> {
    let key = hub.service_key(Permission::ALL).await;
    let setup = hub.app.accounts.offer_setup().await.unwrap().unwrap();
    let (ada, pair) = hub.signed_in("ada@example.org", "user").await;
    let other = hub.sign_in("ada@example.org").await;
    let email = json!({ "email": "ada@example.org" });
    hub.post("/api/auth/recovery", email).await.expect(202);

    let (_, carol) = hub.signed_in("carol@example.org", "user").await;
    let change = json!({ "email": "carol.new@example.org", "password": PASSWORD });
    hub.post_as(&carol.access, "/api/users/me/email", change)
        .await
        .expect(202);

    hub.person("dave@example.org", "user").await;
    for program in [
        "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
        "curl/8",
    ] {
        sign_in_by(hub, "dave@example.org", program).await;
    }
    hub.register("late@example.org").await.expect(202);
    hub.put_as(&key, "/api/roles/editor", json!({ "permissions": ["a"] }))
        .await
        .expect(200);
    let spare = json!({ "name": "spare", "scopes": ["hub:read"] });
    let spare = hub
        .post_as(&key, "/api/service_keys", spare)
        .await
        .expect(201)
        .json();
    vec![
        ("ACTIVATION", hub.mailed_token("late@example.org", 1).await),
        ("RECOVERY", hub.mailed_token("ada@example.org", 1).await),
        ("CHANGE", hub.mailed_token("carol.new@example.org", 1).await),
        ("UNDO", hub.mailed_token("carol@example.org", 1).await),
        ("DEVICE", hub.mailed_token("dave@example.org", 1).await),
        ("SETUP", setup.expose().to_owned()),
        ("SESSION", other.session),
        ("REFRESH", other.refresh),
        ("SPARE", spare["id"].as_str().unwrap().to_owned()),
        ("ADA", ada.id),
        ("PASSWORD", PASSWORD.to_owned()),
        ("key", key),
        ("ada", pair.access),
        ("carol", carol.access),
    ]
}

#[tokio::test]
async fn t15_what_cannot_be_written_down_is_not_done() {
    let hub = TestApp::spawn().await;
    is_complete(&hub, ACTS).await;
    let scene = scene(&hub).await;
    let known = |name: &str| {
        scene
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    };
    let fill = |text: &str| {
        let names = scene
            .iter()
            .filter(|(name, _)| name.chars().all(char::is_uppercase));
        names.fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    };
    hub.outbox_is_empty().await;
    fill_the_log(&hub).await;
    let before = state(&hub).await;
    for act in ACTS.trim().lines().map(str::trim) {
        let (head, body) = act.split_once(" {").unwrap_or((act, ""));
        let words: Vec<&str> = head.split_whitespace().collect();
        let [method, path, caller] = words[..] else {
            panic!("{act}")
        };
        let body: Option<Value> = match body {
            "" => None,
            body => Some(serde_json::from_str(&fill(&format!("{{{body}"))).unwrap()),
        };
        let answer = hub.call(method, &fill(path), known(caller), body.as_ref()).await;
        assert_eq!(answer.status, 500, "{act}: {}", answer.text());
        answer.problem(500, "internal");
        assert_eq!(state(&hub).await, before, "{act}");
    }
    let token = [("token", known("REFRESH").unwrap())];
    hub.form("/api/auth/revoke", None, &token).await.expect(500);
    assert_eq!(state(&hub).await, before, "POST /api/auth/revoke");
    for person in ["ada", "carol"] {
        hub.get_as(known(person).unwrap(), "/api/users/me")
            .await
            .expect(200);
    }
}
