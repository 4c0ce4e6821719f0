//! Every letter through a real mail server of somebody else's making, and what becomes of it when that
//! server refuses, hangs, hangs up, is away, or is not who it should be.

use std::collections::BTreeSet;
use std::time::Duration;

use portcullis::config::Config;
use portcullis::email::Email;
use portcullis::mail::{Cause, Letter};
use portcullis::secret::PlainToken;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::mail_server::{MailServer, Manner};
use crate::support::source::root;

const ADA: &str = "ada@example.org";
const TOKEN: &str = "pcm_aToken-With_43CharactersOfBase64url0000000";
/// The URL of a strict server.
const STARTTLS: &str = "smtp://hub:pass%20word%2F1@{}?tls=required";

/// One of each kind, and a piece of its link, where it has one.
fn letters() -> Vec<(Letter, Option<&'static str>)> {
    let name = Some("Ada Lovelace".to_owned());
    let named = || name.clone();
    let token = || PlainToken::presented(TOKEN);
    let wanted = Email::parse("ada.new@example.org").unwrap();
    let device = Some("Ada's phone".to_owned());
    let ip = Some("192.0.2.7".to_owned());
    vec![
        (
            Letter::Activation {
                name: named(),
                token: token(),
            },
            Some("/activate/"),
        ),
        (Letter::AlreadyRegistered { name: named() }, None),
        (
            Letter::Recovery {
                name: named(),
                token: token(),
            },
            Some("/recovery/"),
        ),
        (
            Letter::Invitation {
                name: named(),
                token: token(),
            },
            Some("/recovery/"),
        ),
        (
            Letter::PasswordChanged {
                name: named(),
                one_stays: false,
            },
            None,
        ),
        (
            Letter::EmailChange {
                name: named(),
                token: Some(token()),
            },
            Some("/email/"),
        ),
        (
            Letter::EmailChange {
                name: named(),
                token: None,
            },
            None,
        ),
        (
            Letter::EmailChangeAsked {
                name: named(),
                wanted: wanted.clone(),
                token: token(),
            },
            Some("/email-undo/"),
        ),
        (
            Letter::EmailChanged {
                name: named(),
                wanted,
                token: token(),
            },
            Some("/email-undo/"),
        ),
        (
            Letter::NewDevice {
                name: named(),
                device: device.clone(),
                ip: ip.clone(),
                token: token(),
            },
            Some("/device/"),
        ),
        (
            Letter::Secured {
                name: named(),
                cause: Cause::SignIn { by_provider: false },
                token: token(),
            },
            Some("/recovery/"),
        ),
        (
            Letter::IdentityLinked {
                name: named(),
                provider: "GitHub".to_owned(),
            },
            None,
        ),
        (
            Letter::IdentityUnlinked {
                name: named(),
                provider: "GitHub".to_owned(),
            },
            None,
        ),
        (Letter::AccountDeleted { name: named() }, None),
        (Letter::TokenReuse { name, device, ip }, None),
    ]
}

/// The kinds that the hub has words for: a template each, beside what they have in common.
fn kinds() -> BTreeSet<String> {
    let folder = root().join("src/mail/templates/en");
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_owned());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| name != "common").collect()
}

impl TestApp {
    /// A server on a manual clock that sends its mail to `server`, as `url` says.
    async fn mailing(server: &MailServer, url: &str, authority: Option<&str>) -> Self {
        let mail = server.configure(url, authority);
        Tuning::new().manual_clock().configure(mail).spawn().await
    }

    async fn write(&self, locale: &str, letter: &Letter) {
        let to = Email::parse(ADA).unwrap();
        let language = self.app.cx.mail.language(Some(locale), None);
        let mut tx = self.app.cx.db.begin().await.unwrap();
        let mail = &self.app.cx.mail;
        mail.enqueue(&mut tx, &to, None, &language, letter).await.unwrap();
        tx.commit().await.unwrap();
        mail.wake();
    }
}

#[tokio::test]
async fn every_kind_of_letter_arrives_over_tls_as_a_sound_message() {
    let written: BTreeSet<String> = letters().iter().map(|(letter, _)| letter.kind().into()).collect();
    assert_eq!(written, kinds(), "each kind is sent here");
    let server = MailServer::start(Manner::strict()).await;
    let hub = TestApp::mailing(&server, STARTTLS, Some("ca")).await;
    let mut count = 0;
    for locale in ["en", "ru"] {
        let mut subjects = Vec::new();
        for (letter, page) in letters() {
            hub.write(locale, &letter).await;
            count += 1;
            let mail = server.attempted(count).await.swap_remove(count - 1);
            let told = format!("{locale} {}: {mail:#}", letter.kind());
            assert_eq!(
                (&mail["tls"], &mail["user"]),
                (&json!(true), &json!("hub")),
                "{told}"
            );
            assert_eq!(
                (&mail["from"], &mail["to"]),
                (&json!("no-reply@example.net"), &json!([ADA]))
            );
            assert_eq!(mail["defects"], json!([]), "{told}");
            assert_eq!(
                mail["parts"],
                json!(["multipart/alternative", "text/plain", "text/html"])
            );
            let names = [
                "Auto-Submitted",
                "Content-Type",
                "Date",
                "From",
                "MIME-Version",
                "Message-ID",
                "Subject",
                "To",
            ];
            assert_eq!(mail["names"], json!(names), "{told}");
            assert_eq!(mail["headers"]["Auto-Submitted"], "auto-generated");
            // RFC 5322, 2.1.1
            assert!(mail["longest"].as_u64().unwrap() <= 998, "{told}");
            let part = |name: &str| mail[name].as_str().unwrap().to_owned();
            let (text, html) = (part("text"), part("html"));
            let subject = mail["headers"]["Subject"].as_str().unwrap().to_owned();
            assert!(html.contains(&format!("<title>{subject}</title>")), "{told}");
            assert!(
                text.contains("Ada Lovelace") && html.contains("Ada Lovelace"),
                "{told}"
            );
            assert_eq!(subject.is_ascii(), locale == "en", "{subject}");
            match page {
                Some(page) => {
                    let link = hub.url(&format!("{page}{TOKEN}"));
                    assert!(text.lines().any(|line| line == link), "{told}");
                    assert!(html.contains(&format!("href=\"{link}\"")), "{told}");
                }
                None => assert!(!html.contains("href"), "{told}"),
            }
            subjects.push(subject);
        }
        subjects.sort_unstable();
        subjects.dedup();
        // An invitation and a recovery lead to one page, and still say different things.
        assert_eq!(
            subjects.len(),
            letters().len(),
            "each says what it is about: {subjects:?}"
        );
    }
    hub.outbox_is_empty().await;
    assert_eq!(server.attempts().len(), count, "each once");
}

#[tokio::test]
async fn what_a_server_does_to_a_mail_decides_when_it_comes_and_how_often() {
    let mut server = MailServer::start(Manner::plain()).await;
    let mail = server.configure("smtp://{}", None);
    let patient = |config: &mut Config| {
        mail(config);
        config.mail.timeout = 5;
    };
    let hub = Tuning::new().manual_clock().configure(patient).spawn().await;
    let hung_up = "the SMTP server hung up, or its answer makes no sense";
    for (name, status, fault) in [
        ("greylist", "waiting", "the SMTP server answered 450"),
        ("refuse-421", "waiting", "the SMTP server answered 421"),
        ("refuse-550", "failed", "the SMTP server answered 550"),
        ("drop", "waiting", hung_up),
        ("ada", "sent", ""),
        ("hang", "waiting", "the SMTP server took too long"),
    ] {
        let email = format!("{name}@example.org");
        hub.register(&email).await.expect(202);
        hub.mail_stands(&email, status, fault).await;
    }
    server.stop().await;
    hub.register("down@example.org").await.expect(202);
    hub.mail_stands("down@example.org", "waiting", "no connection to the SMTP server")
        .await;
    server.come_back().await;
    // No pause is longer than five seconds after the first attempt; what failed stays failed.
    hub.after(Duration::from_secs(5));
    hub.outbox_is_empty().await;
    for (name, wanted) in [
        ("greylist", &["greylist", "take"][..]),
        ("refuse-421", &["refuse-421", "take"]),
        ("refuse-550", &["refuse-550"]),
        ("drop", &["drop", "take"]),
        ("ada", &["take"]),
        ("hang", &["hang", "take"]),
        ("down", &["take"]),
    ] {
        assert_eq!(server.manners(&format!("{name}@example.org")), wanted, "{name}");
    }
    // It may have arrived the first time: by its id a double can be recognised.
    for name in ["drop", "hang"] {
        let to = json!([format!("{name}@example.org")]);
        let attempts = server
            .attempts()
            .into_iter()
            .filter(|attempt| attempt["to"] == to);
        let ids: Vec<Value> = attempts
            .map(|attempt| attempt["headers"]["Message-ID"].clone())
            .collect();
        assert!(
            ids.len() == 2 && ids[0].is_string() && ids[0] == ids[1],
            "{ids:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_gets_neither_mail_nor_password() {
    for (tls, certificate, authority, fits) in [
        ("starttls", "trusted", Some("ca"), true),
        ("implicit", "trusted", Some("ca"), true),
        // trusted by name
        ("implicit", "self", Some("self"), true),
        ("starttls", "self", None, false),
        ("starttls", "self", Some("ca"), false),
        ("implicit", "trusted", None, false),
        ("implicit", "stranger", Some("ca"), false),
        // somebody between has taken STARTTLS away
        ("none", "trusted", None, false),
    ] {
        let case = format!("{tls} {certificate} {authority:?}");
        let manner = Manner {
            tls,
            certificate,
            ..Manner::strict()
        };
        let server = MailServer::start(manner).await;
        let url = if tls == "implicit" {
            "smtps://hub:pass%20word%2F1@{}"
        } else {
            STARTTLS
        };
        let hub = TestApp::mailing(&server, url, authority).await;
        hub.register(ADA).await.expect(202);
        if fits {
            hub.mail_stands(ADA, "sent", "").await;
            assert_eq!(server.attempts()[0]["user"], "hub", "{case}");
        } else {
            let fault = match tls {
                "none" => "the mail does not fit what the SMTP server can do",
                _ => "the SMTP server's certificate is not trusted",
            };
            hub.mail_stands(ADA, "waiting", fault).await;
            assert_eq!(server.attempts(), Vec::<Value>::new(), "{case}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_a_matter_for_the_operator_and_no_mail_is_lost() {
    let server = MailServer::start(Manner::strict()).await;
    let url = "smtp://hub:wrong@{}?tls=required";
    let hub = TestApp::mailing(&server, url, Some("ca")).await;
    hub.register(ADA).await.expect(202);
    hub.mail_stands(ADA, "waiting", "the SMTP server answered 535")
        .await;
    assert_eq!(server.attempts(), Vec::<Value>::new());
    // Another node has it right.
    let mail = server.configure(STARTTLS, Some("ca"));
    let database = hub.database_url.clone();
    let right = Tuning::new()
        .manual_clock()
        .database(database)
        .configure(mail)
        .spawn()
        .await;
    right.after(Duration::from_secs(5));
    hub.mail_stands(ADA, "sent", "").await;
    assert_eq!(server.manners(ADA), ["take"]);
}
