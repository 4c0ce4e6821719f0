//! Who may call what: every route of the document with every kind of caller (T21).

use portcullis::roles::Permission;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::document::Operation;
use crate::support::http::Answer;
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";

/// The columns: nobody, a user, a moderator, an admin inside `management.allow`, one who calls through
/// somebody who is not trusted, one outside of `management.allow`, a service key that has every scope but
/// the one that is needed, and one that has this scope alone.
const TABLE: &str = "
    DELETE /api/roles/{name}             roles:write      401 403 403 404 403 403 403 404
    DELETE /api/service_keys/{id}        keys:write       401 403 403 404 403 403 403 404
    DELETE /api/users/{id}               users:write      401 403 403 404 403 403 403 404
    GET    /                             -                200 200 200 200 200 200 200 200
    GET    /.well-known/jwks.json        -                200 200 200 200 200 200 200 200
    GET    /.well-known/oauth-authorization-server - 200 200 200 200 200 200 200 200
    GET    /account                     -                200 200 200 200 200 200 200 200
    GET    /activate/{token}             -                200 200 200 200 200 200 200 200
    GET    /api/audit                    audit:read       401 403 403 200 403 403 403 200
    GET    /api/auth/site_role           -                401 200 200 200 200 200 401 401
    GET    /api/auth/socket              -                401 200 200 200 200 200 401 401
    GET    /api/docs                     -                200 200 200 200 200 200 200 200
    GET    /api/openapi.json             -                200 200 200 200 200 200 200 200
    GET    /api/hub                      hub:read         401 403 200 200 403 403 403 200
    GET    /api/mails                    hub:read         401 403 200 200 403 403 403 200
    GET    /api/revocations/{id}         sessions:revoke  401 403 404 404 403 403 403 404
    GET    /api/roles                    roles:read       401 403 403 200 403 403 403 200
    GET    /api/roles/{name}             roles:read       401 403 403 404 403 403 403 404
    GET    /api/service_keys             keys:write       401 403 403 200 403 403 403 200
    GET    /api/service_keys/{id}        keys:write       401 403 403 404 403 403 403 404
    GET    /api/sessions                 sessions:read    401 403 200 200 403 403 403 200
    GET    /api/users                    users:read       401 403 200 200 403 403 403 200
    GET    /api/users/me                 -                401 200 200 200 200 200 401 401
    GET    /api/users/{id}               users:read       401 403 200 200 403 403 403 200
    GET    /api/users/{id}/sessions      sessions:read    401 403 200 200 403 403 403 200
    GET    /client.global.js            -                200 200 200 200 200 200 200 200
    GET    /client.js                   -                200 200 200 200 200 200 200 200
    GET    /dev/mailbox                  -                200 200 200 200 404 200 200 200
    GET    /dev/mailbox.json             -                200 200 200 200 404 200 200 200
    GET    /forgot                      -                200 200 200 200 200 200 200 200
    GET    /healthz                      -                200 200 200 200 200 200 200 200
    GET    /problems/{code}              -                200 200 200 200 200 200 200 200
    GET    /readyz                       -                200 200 200 200 200 200 200 200
    GET    /recovery/{token}             -                200 200 200 200 200 200 200 200
    GET    /setup/{token}                -                200 200 200 200 200 200 200 200
    GET    /sign-in                     -                200 200 200 200 200 200 200 200
    GET    /sign-up                     -                200 200 200 200 200 200 200 200
    GET    /ws                           -                400 400 400 400 400 400 400 400
    PATCH  /api/auth/activate/{token}    -                410 410 410 410 410 410 410 410
    PATCH  /api/users/{id}               users:write      401 403 403 200 403 403 403 200
    POST   /api/auth                     -                401 401 401 401 401 401 401 401
    POST   /api/auth/activate            -                202 202 202 202 202 202 202 202
    POST   /api/auth/recovery            -                202 202 202 202 202 202 202 202
    POST   /api/auth/recovery/{token}    -                410 410 410 410 410 410 410 410
    POST   /api/auth/refresh             -                401 401 401 401 401 401 401 401
    POST   /api/auth/introspect          introspect       401 403 403 200 403 403 403 200
    POST   /api/auth/revoke              -                200 200 200 200 200 200 200 200
    POST   /api/revocations              sessions:revoke  401 403 200 200 403 403 403 200
    POST   /api/service_keys             keys:write       401 403 403 201 403 403 403 201
    POST   /api/setup/{token}            -                410 410 410 410 410 410 410 410
    POST   /api/users                    -                202 202 202 202 202 202 202 202
    PUT    /api/roles/{name}             roles:write      401 403 403 200 403 403 403 200
    PUT    /api/users/{id}/site_role     roles:write      401 403 403 200 403 403 403 200
    GET    /api/auth/oauth               -                200 200 200 200 200 200 200 200
    GET    /api/auth/oauth/{provider}/callback -          404 404 404 404 404 404 404 404
    GET    /api/auth/oauth/{provider}/link/{token} -      404 404 404 404 404 404 404 404
    GET    /api/auth/oauth/{provider}/start -             400 400 400 400 400 400 400 400
    POST   /api/auth/oauth/exchange      -                410 410 410 410 410 410 410 410
    GET    /api/users/me/identities      -                401 200 200 200 200 200 401 401
    DELETE /api/users/me/identities/{id} -                401 404 404 404 404 404 401 401
    POST   /api/users/me/identities/{id} -                401 404 404 404 404 404 401 401
    DELETE /api/users/me                 -                401 403 403 403 403 403 401 401
    DELETE /api/users/me/sessions/{id}   -                401 404 404 404 404 404 401 401
    GET    /api/users/me/export          -                401 200 200 200 200 200 401 401
    GET    /api/users/me/sessions        -                401 200 200 200 200 200 401 401
    GET    /device/{token}               -                200 200 200 200 200 200 200 200
    GET    /email/{token}                -                200 200 200 200 200 200 200 200
    GET    /email-undo/{token}           -                200 200 200 200 200 200 200 200
    PATCH  /api/users/me                 -                401 200 200 200 200 200 401 401
    POST   /api/auth/device-revoke/{token} -              410 410 410 410 410 410 410 410
    POST   /api/users/email-undo/{token} -                410 410 410 410 410 410 410 410
    POST   /api/users/me/email           -                401 403 403 403 403 403 401 401
    POST   /api/users/me/email/{token}   -                410 410 410 410 410 410 410 410
    POST   /api/users/me/password        -                401 403 403 403 403 403 401 401
    DELETE /api/users/me/sessions        -                401 204 204 204 204 204 401 401
    POST   /api/auth/logout              -                401 204 204 204 204 204 204 204
";

/// Routes that take a form about a token, as OAuth has it.
const FORMS: [&str; 2] = ["POST /api/auth/introspect", "POST /api/auth/revoke"];

struct Row {
    name: String,
    needs: Option<Permission>,
    statuses: Vec<u16>,
}

fn table() -> Vec<Row> {
    let rows = TABLE.trim().lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Row {
            name: format!("{} {}", words[0], words[1]),
            needs: words[2].parse().ok(),
            statuses: words[3..].iter().map(|status| status.parse().unwrap()).collect(),
        }
    });
    rows.collect()
}

/// Something that the route takes, so that nothing but the caller decides.
pub fn body(name: &str, ada: &str) -> Option<Value> {
    let body = match name {
        "POST /api/auth" => json!({ "email": ADA, "password": "not the password of ada" }),
        "POST /api/auth/activate" | "POST /api/auth/recovery" => json!({ "email": ADA }),
        "POST /api/auth/refresh" => json!({ "refresh_token": "pcr_of_nobody" }),
        "POST /api/auth/recovery/{token}" => json!({ "password": PASSWORD }),
        "POST /api/users" | "POST /api/setup/{token}" => json!({ "email": ADA, "password": PASSWORD }),
        "POST /api/auth/oauth/exchange" => json!({ "code": "pco_of_nobody", "code_verifier": "v" }),
        "POST /api/users/me/identities/{id}" => {
            json!({ "redirect_to": "https://app.example.org/", "code_challenge": "c".repeat(43) })
        }
        "PATCH /api/users/me" | "PATCH /api/users/{id}" => json!({ "name": "Ada" }),
        "DELETE /api/users/me" => json!({ "password": "not the caller's password" }),
        "POST /api/users/me/password" => {
            json!({ "current_password": "not the caller's password", "new_password": PASSWORD })
        }
        "POST /api/users/me/email" => {
            json!({ "email": "new@example.org", "password": "not the caller's password" })
        }
        "POST /api/revocations" => json!({ "user_id": ada, "reason": "a test", "dry_run": true }),
        "POST /api/service_keys" => json!({ "name": "another", "scopes": ["keys:write"] }),
        "PUT /api/users/{id}/site_role" => json!({ "role": "user" }),
        "PUT /api/roles/{name}" => json!({ "permissions": [] }),
        _ => return None,
    };
    Some(body)
}

struct House {
    app: TestApp,
    /// Its `management.allow` does not hold this machine.
    elsewhere: TestApp,
    ada: String,
    /// The bearers of the columns, but for the two service keys.
    people: [Option<String>; 6],
}

async fn house() -> House {
    let app = TestApp::spawn().await;
    let nets = vec![
        "203.0.113.0/24".parse().unwrap(),
        "2001:db8::/32".parse().unwrap(),
    ];
    let elsewhere = Tuning::new()
        .configure(|config| config.management.allow = nets)
        .spawn()
        .await;
    let (ada, user) = app.signed_in(ADA, "user").await;
    let (_, moderator) = app.signed_in("mo@example.org", "moderator").await;
    let (_, admin) = app.signed_in("boss@example.org", "admin").await;
    let (_, forwarding) = app.signed_in("deputy@example.org", "admin").await;
    let (_, outside) = elsewhere.signed_in("boss@example.org", "admin").await;
    let people = [
        None,
        Some(user.access),
        Some(moderator.access),
        Some(admin.access),
        Some(forwarding.access),
        Some(outside.access),
    ];
    House {
        app,
        elsewhere,
        ada: ada.id,
        people,
    }
}

impl House {
    async fn bearer(&self, column: usize, needs: Option<Permission>) -> Option<String> {
        let is_needed = |permission: &Permission| Some(*permission) == needs;
        let all = Permission::ALL.iter().copied();
        match column {
            6 => {
                let others: Vec<_> = all.filter(|permission| !is_needed(permission)).collect();
                Some(self.app.service_key(&others).await)
            }
            7 => Some(
                self.app
                    .service_key(&[needs.unwrap_or(Permission::Introspect)])
                    .await,
            ),
            _ => self.people[column].clone(),
        }
    }

    async fn call(&self, operation: &Operation, column: usize, needs: Option<Permission>) -> Answer {
        let app = if column == 5 { &self.elsewhere } else { &self.app };
        let name = operation.name();
        // Ada stays: the rows that follow are about her.
        let about_ada = operation.path.starts_with("/api/users/{id}") && operation.method != "DELETE";
        let path = if about_ada {
            operation.path.replace("{id}", &self.ada)
        } else {
            operation.address()
        };
        let mut request = app.request(operation.method.parse().unwrap(), &path);
        if let Some(bearer) = self.bearer(column, needs).await {
            request = request.bearer_auth(bearer);
        }
        if let Some(body) = body(&name, &self.ada) {
            request = request.json(&body);
        }
        if FORMS.contains(&name.as_str()) {
            let kind = "application/x-www-form-urlencoded";
            request = request.header("content-type", kind).body("token=pcr_of_nobody");
        }
        if column == 4 {
            request = request.header("x-forwarded-for", "127.0.0.1");
        }
        Answer::of(request).await
    }
}

#[tokio::test]
async fn t21_every_route_answers_every_kind_of_caller_as_listed() {
    let house = house().await;
    let operations = house.app.operations().await;
    let table = table();
    let mut listed: Vec<String> = table.iter().map(|row| row.name.clone()).collect();
    let mut documented: Vec<String> = operations.iter().map(Operation::name).collect();
    listed.sort_unstable();
    documented.sort_unstable();
    assert_eq!(listed, documented, "each route of the document has a row");

    for row in table {
        let operation = operations
            .iter()
            .find(|operation| operation.name() == row.name)
            .unwrap();
        for (column, expected) in row.statuses.iter().enumerate() {
            let answer = house.call(operation, column, row.needs).await;
            let about = format!("{} by caller {column}: {}", row.name, answer.text());
            assert_eq!(answer.status, *expected, "{about}");
            assert!(operation.statuses().contains(expected), "not documented: {about}");
            if let (403, Some(needs)) = (answer.status, row.needs) {
                let body = answer.json();
                let by_address = column == 4 || column == 5;
                let code = if by_address {
                    "address_not_allowed"
                } else {
                    "forbidden"
                };
                assert_eq!(body["code"], code, "{about}");
                let named = body["detail"].as_str().unwrap().contains(needs.as_str());
                assert_eq!(named, !by_address, "{about}");
            }
            if answer.status == 401 {
                assert!(answer.header("www-authenticate").is_some(), "{about}");
            }
        }
    }
}

/// The permissions that a service key needs for each route, as the document says.
#[tokio::test]
async fn t21_a_service_key_opens_what_its_one_scope_is_for_and_nothing_else() {
    let house = house().await;
    let mut keys = Vec::new();
    for permission in Permission::ALL {
        keys.push((permission.as_str(), house.app.service_key(&[*permission]).await));
    }
    let mut opened = std::collections::BTreeSet::new();
    for operation in house.app.operations().await {
        let name = operation.name();
        let asks = operation.about["security"].is_array()
            && !["POST /api/auth/logout", "POST /api/auth/oauth/exchange"].contains(&name.as_str());
        for (scope, key) in &keys {
            // Of nobody, so that what is opened changes nothing.
            let body = body(&name, crate::support::document::NOBODY);
            let path = operation.address();
            let answer = house.app.call(&operation.method, &path, Some(key), body.as_ref());
            let answer = answer.await;
            let about = format!("{name} by {scope}: {}", answer.text());
            match operation.scopes() {
                Some(scopes) if scopes.iter().any(|known| known == scope) => {
                    assert!(![401, 403].contains(&answer.status), "{about}");
                    opened.insert(*scope);
                }
                Some(scopes) => {
                    let problem = refusal(&answer, &name, "forbidden");
                    let detail = problem["detail"].as_str().unwrap();
                    assert!(detail.contains(&format!("`{}`", scopes[0])), "{about}");
                }
                // A route of people takes no service key, whatever its scopes.
                None if asks => assert_eq!(answer.status, 401, "{about}"),
                None => {}
            }
        }
    }
    let unused: Vec<_> = keys.iter().filter(|(scope, _)| !opened.contains(scope)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

/// The 403 of a route, which those of OAuth say in JSON of their own kind.
fn refusal(answer: &Answer, name: &str, code: &str) -> Value {
    if !FORMS.contains(&name) {
        return answer.problem(403, code);
    }
    let body = answer.json();
    assert_eq!((answer.status, &body["code"]), (403, &json!(code)), "{body}");
    body
}

/// Ids and names that belong to Ada, or to nobody: Bob, who holds no permission, gets nothing by them.
#[tokio::test]
async fn t28_what_belongs_to_another_person_is_not_there() {
    let app = TestApp::spawn().await;
    let (ada, adas) = app.signed_in(ADA, "user").await;
    let (_, bob) = app.signed_in("bob@example.org", "user").await;
    let (_socket, ready) = app.open(&adas.access).await;
    let socket = ready["connection_id"].as_str().unwrap();
    let before = app
        .texts("select cast(version as text) || site_role || status from users order by id")
        .await;
    let mut own = std::collections::BTreeSet::new();
    for operation in app.operations().await {
        let name = operation.name();
        if !operation.path.contains("{id}") && !operation.path.contains("{name}") {
            continue;
        }
        for id in [ada.id.as_str(), &adas.session, socket] {
            let path = operation.path.replace("{id}", id).replace("{name}", "user");
            let body = body(&name, &ada.id);
            let answer = app
                .call(&operation.method, &path, Some(&bob.access), body.as_ref())
                .await;
            // Management is refused before it looks; in one's own account another's things are not there.
            if operation.scopes().is_some() {
                answer.problem(403, "forbidden");
            } else {
                answer.problem(404, "not_found");
                own.insert(name.clone());
            }
            assert!(!answer.text().contains(ADA), "{name}");
        }
    }
    let expected = [
        "DELETE /api/users/me/identities/{id}",
        "DELETE /api/users/me/sessions/{id}",
        // (The id of a provider: there is none here.)
        "POST /api/users/me/identities/{id}",
    ];
    assert_eq!(own, expected.map(str::to_owned).into());
    app.get_as(&adas.access, "/api/users/me").await.expect(200);
    let after = app
        .texts("select cast(version as text) || site_role || status from users order by id")
        .await;
    assert_eq!(after, before);
}

/// What somebody writes into a request to look like somebody nearer.
const FORGED: &[(&str, &str)] = &[
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-for", "::1"),
    ("x-forwarded-for", ""),
    ("X-Forwarded-For", "127.0.0.1, 127.0.0.1"),
    ("forwarded", "for=127.0.0.1"),
    ("forwarded", "for=\"[::1]\";proto=https"),
    ("x-forwarded-host", "localhost"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "443"),
    ("x-forwarded-by", "127.0.0.1"),
    ("x-real-ip", "127.0.0.1"),
    ("x-client-ip", "127.0.0.1"),
    ("true-client-ip", "127.0.0.1"),
    ("cf-connecting-ip", "127.0.0.1"),
    ("via", "1.1 127.0.0.1"),
];
/// What says nothing of a proxy, and so changes nothing.
const UNREAD: &[(&str, &str)] = &[("x-address", "203.0.113.9"), ("x-original-url", "/")];

#[tokio::test]
async fn t21_no_header_brings_a_stranger_nearer_to_any_route_of_management() {
    let house = house().await;
    let (inside, outside) = (
        house.people[3].as_ref().unwrap(),
        house.people[5].as_ref().unwrap(),
    );
    for operation in house.app.operations().await {
        let name = operation.name();
        if operation.scopes().is_none() {
            continue;
        }
        let ask = |app: &TestApp, bearer: &str, header: (&str, &str)| {
            let request = app.request(operation.method.parse().unwrap(), &operation.address());
            let request = request.bearer_auth(bearer).header(header.0, header.1);
            match body(&name, crate::support::document::NOBODY) {
                Some(body) => Answer::of(request.json(&body)),
                None => Answer::of(request),
            }
        };
        for header in FORGED {
            // This machine is inside; who forwards for somebody unknown is not.
            let answer = ask(&house.app, inside, *header).await;
            refusal(&answer, &name, "address_not_allowed");
        }
        for header in FORGED.iter().chain(UNREAD) {
            let answer = ask(&house.elsewhere, outside, *header).await;
            refusal(&answer, &name, "address_not_allowed");
        }
        for header in UNREAD {
            let answer = ask(&house.app, inside, *header).await;
            assert_ne!(answer.status, 403, "{name} {header:?}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn t21_a_manager_behind_a_trusted_proxy_is_inside_by_the_address_it_names() {
    let app = Tuning::new()
        .configure(|config| {
            config.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
            config.management.allow = vec!["192.0.2.0/24".parse().unwrap()];
        })
        .spawn()
        .await;
    let (_, boss) = app.signed_in("boss@example.org", "admin").await;
    for (header, value, status) in [
        ("x-forwarded-for", "192.0.2.7", 200),
        ("x-forwarded-for", "::ffff:192.0.2.7", 200),
        ("x-forwarded-for", "192.0.2.7, 198.51.100.1", 403),
        ("x-forwarded-for", "198.51.100.1, 192.0.2.7", 200),
        ("x-forwarded-for", "unknown", 403),
        ("x-forwarded-for", "", 403),
        ("forwarded", "for=192.0.2.7", 403),
        ("x-forwarded-host", "192.0.2.7", 403),
        ("x-request-id", "no-forwarding-header", 403),
    ] {
        let request = app.request("GET".parse().unwrap(), "/api/users");
        let answer = Answer::of(request.bearer_auth(&boss.access).header(header, value)).await;
        assert_eq!(answer.status, status, "{header}: {value}");
        if status == 403 {
            answer.problem(403, "address_not_allowed");
        }
    }
}
