//! T20: what a person types stays what a person typed, whatever mail makes of it.

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::people::PASSWORD;
use crate::support::smtp::SmtpSink;

#[tokio::test]
async fn t20_nothing_that_a_person_typed_reaches_a_header_or_another_receiver() {
    let sink = SmtpSink::start().await;
    let hub = TestApp::sending_to(&sink).await;
    let names = [
        "Bcc: eve@example.org",
        "\\r\\nBcc: eve@example.org",
        "%0d%0aBcc: eve@example.org",
        "=?utf-8?q?=0D=0ABcc:_eve=40example.org?=",
        "\"><img src=https://evil.example/x>",
        "<script>alert(1)</script>",
        "{{ 7777*7 }}{% include 'layout.html' %}",
        "Ada, you won: visit evil.example",
        "https://evil.example/activate/x",
        ". \u{2024}",
        "Ä Ö Ü 📧 ж",
        "RCPT TO:<eve@example.org>",
        "Ada\u{2028}Bcc: eve@example.org",
        "'; drop table mails; --",
    ];
    for (n, name) in names.iter().enumerate() {
        let email = format!("ada{n}@example.org");
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        let answer = hub.post("/api/users", body).await;
        if name.contains('\u{2028}') {
            answer.problem(422, "validation_failed");
            continue;
        }
        answer.expect(202);
        hub.mail_stands(&email, "sent", "").await;
        let mail = sink.attempts().pop().unwrap();
        mail.is_one_plain_mail(&email);
        assert_eq!(mail.header("Subject"), "Confirm your e-mail address");
        let body = mail.body();
        assert!(!body.contains("evil.example"), "{name}: {body}");
        assert!(!body.contains("54439"), "{name}: evaluated");
        let html = mail.html();
        assert!(!html.contains("<img") && !html.contains("<script"), "{name}");
        assert_eq!(html.matches("href=").count(), 2, "{name}");
    }
    let before = sink.attempts().len();
    for email in [
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org>\r\nRCPT TO:<eve@example.org",
        "ada@example.org,eve@example.org",
        "ada@example.org eve@example.org",
        "Ada <ada@example.org>",
        "<ada@example.org>",
        "\"ada\\\"\"@example.org",
        "ada@[127.0.0.1]",
        "ada@example.org\u{0}",
        "ada\u{2028}@example.org",
    ] {
        for path in ["/api/users", "/api/auth/recovery", "/api/auth/activate"] {
            let mut body = json!({ "email": email });
            if path == "/api/users" {
                body["password"] = json!(PASSWORD);
            }
            let problem = hub.post(path, body).await.problem(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], "email", "{email:?}");
        }
    }
    hub.outbox_is_empty().await;
    assert_eq!(sink.attempts().len(), before);
}
