//! T11, T15: whatever is typed is stored as it is or refused by its field; nothing breaks a statement.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::http::Answer;
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";
pub const CORPUS: [&str; 24] = [
    "'",
    "''",
    "\"",
    "`",
    "\\",
    "\\'",
    "'; drop table users; --",
    "' or '1'='1",
    "$1",
    "$$",
    "%",
    "_",
    "?",
    "{}",
    "x\u{0}y",
    "\u{0}",
    "\u{ffff}",
    "\u{fffe}\u{fffd}",
    "\u{10ffff}",
    "\u{feff}bom",
    "e\u{301} ﷽ ж 📱",
    "\u{202e}evil",
    "a\r\nb",
    "\u{1b}[31mred",
];

/// What the corpus holds that is an address, before `@example.org` or after `ada@`; all else is refused.
const ADDRESSES: [&str; 10] = [
    "'@example.org",
    "''@example.org",
    "`@example.org",
    "$1@example.org",
    "$$@example.org",
    "%@example.org",
    "_@example.org",
    "?@example.org",
    "{}@example.org",
    // Said to be nothing by IDNA (UTS 46), and left out.
    "ada@\u{feff}bom",
];

/// A refusal that names a field, or none at all.
#[track_caller]
fn is_taken(answer: &Answer, taken: u16, field: &str, text: &str) -> bool {
    if answer.status == taken {
        return true;
    }
    let problem = answer.problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["field"], field, "{text:?}");
    false
}

/// Each byte as `%XX`, as it may stand in any address.
pub fn percent(text: &str) -> String {
    let hex = data_encoding::HEXUPPER.encode(text.as_bytes());
    hex.as_bytes().chunks(2).fold(String::new(), |path, byte| {
        path + "%" + std::str::from_utf8(byte).unwrap()
    })
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

#[tokio::test]
async fn t11_names_are_stored_as_typed_or_refused() {
    let hub = TestApp::spawn().await;
    for (n, text) in CORPUS.iter().enumerate() {
        let email = format!("ada{n}@example.org");
        let body = json!({ "email": email, "password": PASSWORD, "name": text });
        let answer = hub.post("/api/users", body).await;
        let taken = is_taken(&answer, 202, "name", text);
        assert_eq!(
            taken,
            !has_control(text) && !text.contains('\u{202e}'),
            "{text:?}"
        );
        let users = format!("select count(*) from users where email = '{email}'");
        assert_eq!(hub.number(users).await, i64::from(taken));
        if taken {
            let name = format!("select name from users where email = '{email}'");
            assert_eq!(hub.text(name).await, text.trim());
        }
    }
}

#[tokio::test]
async fn t11_passwords_are_taken_exactly_as_typed() {
    let hub = TestApp::spawn().await;
    hub.register(ADA).await.expect(202);
    let token = hub.mailed_token(ADA, 1).await;
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .expect(200);
    for (n, text) in CORPUS.iter().enumerate() {
        // With what is typed and nothing more than a plain password it is right; alone it is wrong.
        hub.try_sign_in(ADA, text)
            .await
            .problem(401, "invalid_credentials");
        let password = format!("{PASSWORD}{text}");
        hub.post("/api/auth/recovery", json!({ "email": ADA }))
            .await
            .expect(202);
        let token = hub.mailed_token(ADA, 2 * n + 2).await;
        hub.post(
            &format!("/api/auth/recovery/{token}"),
            json!({ "password": password }),
        )
        .await
        .expect(204);
        hub.mail_to(ADA, 2 * n + 3).await;
        hub.try_sign_in(ADA, &password).await.expect(200);
        hub.try_sign_in(ADA, PASSWORD)
            .await
            .problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn t11_devices_and_user_agents_are_stored_as_typed_or_refused() {
    let hub = TestApp::spawn().await;
    hub.person(ADA, "user").await;
    let newest =
        |column: &str| format!("select {column} from sessions order by created_at desc, id desc limit 1");
    for text in CORPUS {
        let body = json!({ "email": ADA, "password": PASSWORD, "device": text });
        let answer = hub.post("/api/auth", body).await;
        let taken = is_taken(&answer, 200, "device", text);
        assert_eq!(taken, !has_control(text), "{text:?}");
        if taken {
            assert_eq!(hub.text(newest("device")).await, text.trim());
        }
        // As a header: what HTTP carries at all.
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(text.as_bytes()) else {
            continue;
        };
        let request = hub
            .request(Method::POST, "/api/auth")
            .header("User-Agent", value.clone())
            .header("X-Request-Id", value)
            .json(&json!({ "email": ADA, "password": PASSWORD }));
        let answer = Answer::of(request).await.expect(200);
        let id = answer.header("x-request-id").unwrap();
        assert!(
            !id.is_empty() && id.chars().all(|c| c.is_ascii_graphic()),
            "{id:?}"
        );
        if text.is_ascii() {
            assert_eq!(hub.text(newest("user_agent")).await, text);
        }
    }
    let request = hub
        .request(Method::POST, "/api/auth")
        .header("User-Agent", "u".repeat(5_000))
        .json(&json!({ "email": ADA, "password": PASSWORD }));
    Answer::of(request).await.expect(200);
    assert_eq!(hub.text(newest("user_agent")).await, "u".repeat(256));
}

#[tokio::test]
async fn t11_addresses_and_tokens_of_any_form_break_nothing() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    for text in CORPUS {
        for email in [
            text.to_owned(),
            format!("{text}@example.org"),
            format!("ada@{text}"),
        ] {
            for path in ["/api/auth/recovery", "/api/auth/activate"] {
                let answer = hub.post(path, json!({ "email": email })).await;
                let taken = is_taken(&answer, 202, "email", &email);
                assert_eq!(taken, ADDRESSES.contains(&email.as_str()), "{path} {email:?}");
            }
            let answer = hub.try_sign_in(&email, PASSWORD).await;
            let taken = is_taken(&answer, 401, "email", &email);
            assert_eq!(taken, ADDRESSES.contains(&email.as_str()), "{email:?}");
        }
        let path = percent(text);
        hub.patch(&format!("/api/auth/activate/{path}"))
            .await
            .problem(410, "token_spent");
        let password = json!({ "password": PASSWORD });
        hub.post(&format!("/api/auth/recovery/{path}"), password)
            .await
            .problem(410, "token_spent");
        let admin = json!({ "email": "boss@example.org", "password": PASSWORD });
        hub.post(&format!("/api/setup/{path}"), admin)
            .await
            .problem(410, "token_spent");
        for page in ["activate", "recovery", "setup"] {
            let page = hub.get(&format!("/{page}/{path}")).await.expect(200);
            assert!(!page.text().contains("drop table"), "the page does not repeat it");
        }
        hub.try_refresh(text).await.problem(401, "invalid_token");
        hub.post("/api/auth/logout", json!({ "refresh_token": text }))
            .await
            .expect(204);
        if let Ok(value) = reqwest::header::HeaderValue::from_bytes(format!("Bearer {text}").as_bytes()) {
            let request = hub
                .request(Method::GET, "/api/users/me")
                .header("Authorization", value);
            Answer::of(request).await.problem(401, "invalid_token");
        }
    }
    hub.get_as(&ada.access, "/api/users/me").await.expect(200);
    assert_eq!(hub.number("select count(*) from users").await, 1);
}

#[tokio::test]
async fn t11_what_is_no_unicode_is_no_json() {
    let hub = TestApp::spawn().await;
    let post = async |path: &str, body: Vec<u8>| {
        let request = hub
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .body(body);
        Answer::of(request).await
    };
    for field in ["email", "password", "name"] {
        for text in [
            &br"\ud800"[..],
            br"\udc00\ud800",
            b"\xff\xfe",
            b"\xed\xa0\x80",
            b"\xc0\x80",
            b"\x00",
        ] {
            let body = [&br#"{""#[..], field.as_bytes(), br#"":""#, text, br#""}"#].concat();
            post("/api/users", body).await.problem(400, "malformed_json");
        }
    }
    // The escaped form of NUL is JSON, and what it stands for is refused by its field.
    let escaped = format!(r#"{{"email":"{ADA}","password":"{PASSWORD}","name":"\u0000"}}"#);
    let problem: Value = post("/api/users", escaped.into_bytes())
        .await
        .problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["field"], "name");
}
