//! T20: a thousand hostile strings as names, devices and addresses of letters. Whatever they are, each mail has
//! one receiver and the headers that every mail has; fifty of them are read by somebody else's mail server.

use portcullis::email::Email;
use portcullis::mail::Letter;
use portcullis::secret::PlainToken;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::support::app::{TestApp, Tuning};
use crate::support::mail_server::{MailServer, Manner};
use crate::support::smtp::SmtpSink;

const SEED: u64 = 20;
/// Each carries four strings: a name, a device, an address of the net, and a receiver.
const MAILS: usize = 250;
/// So many through the other server.
const READ: usize = 50;
const SUBJECT: &str = "A new device signed in to your account";

/// What strings are made of: what ends lines, headers, commands, quotes, tags and templates.
const PIECES: [&str; 40] = [
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\r\n.\r\n",
    "\0",
    "\t",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{202e}",
    "\u{ffff}",
    "\u{1b}[31m",
    "\u{7f}",
    "Bcc: eve@example.org",
    "To: eve@example.org",
    "Subject: evil",
    "RCPT TO:<eve@example.org>",
    "MAIL FROM:<eve@example.org>",
    "QUIT",
    ".",
    ":",
    ",",
    ";",
    "<",
    ">",
    "\"",
    "'",
    "\\",
    "(",
    "=?utf-8?q?=0D=0ABcc:_eve=40example.org?=",
    "=0D=0A",
    "%0d%0a",
    "{{ 7777 * 7 }}",
    "{% include 'layout.html' %}",
    "<script>alert(1)</script>",
    "<img src=x onerror=y>",
    "https://evil.example/",
    "ж é 📧",
    "Ada",
];
/// What the part before the `@` may hold.
const LOCAL: &[u8] = b"abcxyz0189!#$%&'*+-/=?^_`{|}~.";

struct Strings(StdRng);

impl Strings {
    fn new() -> Self {
        Self(StdRng::seed_from_u64(SEED))
    }

    fn text(&mut self) -> String {
        let count = self.0.random_range(1..7);
        (0..count)
            .map(|_| PIECES[self.0.random_range(0..PIECES.len())])
            .collect()
    }

    /// An address that is one, as odd as such may be; what is none never becomes a receiver.
    fn receiver(&mut self) -> Email {
        loop {
            let length = self.0.random_range(1..20);
            let local: Vec<u8> = (0..length)
                .map(|_| LOCAL[self.0.random_range(0..LOCAL.len())])
                .collect();
            let local = String::from_utf8(local).unwrap();
            if let Ok(email) = Email::parse(&format!("{local}@example.org")) {
                return email;
            }
        }
    }

    fn letter(&mut self) -> Letter {
        Letter::NewDevice {
            name: Some(self.text()),
            device: Some(self.text()),
            ip: Some(self.text()),
            token: PlainToken::presented("pcm_aToken-With_43CharactersOfBase64url0000000"),
        }
    }
}

/// Writes so many letters in one transaction; gives their receivers.
async fn write(hub: &TestApp, count: usize) -> Vec<String> {
    let mut strings = Strings::new();
    let mail = &hub.app.cx.mail;
    let language = mail.language(Some("en"), None);
    let mut receivers = Vec::new();
    let mut tx = hub.app.cx.db.begin().await.unwrap();
    for _ in 0..count {
        let to = strings.receiver();
        mail.enqueue(&mut tx, &to, None, &language, &strings.letter())
            .await
            .unwrap();
        receivers.push(to.to_string());
    }
    tx.commit().await.unwrap();
    mail.wake();
    receivers.sort_unstable();
    receivers
}

#[tokio::test]
async fn t20_of_a_thousand_strings_none_bends_a_header_or_adds_a_receiver() {
    let sink = SmtpSink::start().await;
    let hub = TestApp::sending_to(&sink).await;
    let receivers = write(&hub, MAILS).await;
    // In steps, each with a deadline of its own.
    for count in (0..=MAILS).step_by(25) {
        sink.attempted(count).await;
    }
    let mut mailed = Vec::new();
    for mail in sink.attempts() {
        let [command] = mail.receivers.as_slice() else {
            panic!("{:?}", mail.receivers)
        };
        let to = command
            .strip_prefix("RCPT TO:<")
            .and_then(|rest| rest.strip_suffix('>'));
        let to = to.unwrap_or_else(|| panic!("{command}"));
        mail.is_one_plain_mail(to);
        assert_eq!(mail.header("Subject"), SUBJECT);
        mailed.push(to.to_owned());
    }
    mailed.sort_unstable();
    assert_eq!(mailed, receivers);
}

#[tokio::test]
async fn t20_another_mail_server_reads_what_hostile_strings_were_made_into() {
    let server = MailServer::start(Manner::plain()).await;
    let mail = server.configure("smtp://{}", None);
    let hub = Tuning::new().manual_clock().configure(mail).spawn().await;
    let receivers = write(&hub, READ).await;
    for count in (0..=READ).step_by(10) {
        server.attempted(count).await;
    }
    let mut mailed = Vec::new();
    for mail in server.attempts() {
        assert_eq!(mail["defects"], json!([]), "{mail:#}");
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
        assert_eq!(mail["names"], json!(names), "{mail:#}");
        assert_eq!(
            mail["parts"],
            json!(["multipart/alternative", "text/plain", "text/html"])
        );
        assert_eq!(mail["headers"]["Subject"], SUBJECT);
        let [to] = mail["to"].as_array().unwrap().as_slice() else {
            panic!("{mail:#}")
        };
        assert_eq!(mail["headers"]["To"], *to);
        let html = mail["html"].as_str().unwrap();
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert!(!html.contains("54439"), "evaluated: {html}");
        assert_eq!(html.matches("href=").count(), 2, "{html}");
        mailed.push(to.as_str().unwrap().to_owned());
    }
    mailed.sort_unstable();
    assert_eq!(mailed, receivers);
}
