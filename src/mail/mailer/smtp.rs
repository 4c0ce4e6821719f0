//! SMTP by lettre: a small pool of connections, TLS as the address says.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::{DeliveryError, SetUpError};
use crate::mail::Mail;

/// How long the server may take for each step.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Connections are few: the job sends one mail at a time.
const CONNECTIONS: u32 = 2;

/// A mail server.
#[derive(Clone)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Smtp")
    }
}

/// Reads `mail.from`.
pub(super) fn sender(text: &str) -> Result<Mailbox, SetUpError> {
    let plain = !text.chars().any(char::is_control);
    text.parse().ok().filter(|_| plain).ok_or(SetUpError::From)
}

impl Smtp {
    /// `smtp://` speaks in clear to loopback and takes TLS elsewhere when the server offers it;
    /// `smtp://…?tls=required` insists on STARTTLS, `smtps://` begins with TLS.
    pub(super) fn new(url: &SecretString, from: Mailbox) -> Result<Self, SetUpError> {
        let text = url.expose_secret();
        let parsed = Url::parse(text).map_err(|_| SetUpError::Url)?;
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(text).map_err(|_| SetUpError::Url)?;
        if let Some(host) = takes_offered_tls(&parsed) {
            let parameters = TlsParameters::new(host.into()).map_err(|_| SetUpError::Url)?;
            builder = builder.tls(Tls::Opportunistic(parameters));
        }
        let pool = PoolConfig::new().max_size(CONNECTIONS);
        Ok(Self {
            transport: builder.timeout(Some(TIMEOUT)).pool_config(pool).build(),
            from,
        })
    }

    pub(super) async fn send(&self, mail: &Mail) -> Result<(), DeliveryError> {
        let message = compose(&self.from, mail)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(fault(&error)),
        }
    }
}

/// The host of a plain `smtp://` address beyond loopback that says nothing of TLS.
fn takes_offered_tls(url: &Url) -> Option<&str> {
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // an address of a scheme that `url` does not know is kept as text
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        None => true,
    };
    let silent = url.scheme() == "smtp" && !url.query_pairs().any(|(key, _)| key == "tls");
    if silent && !loopback { url.host_str() } else { None }
}

/// The message of RFC 5322. Its id is that of the mail, so that a double can be recognised; the
/// receiver is an address by itself, never a name that somebody typed. Its date is when it was written,
/// however often it had to be tried.
fn compose(from: &Mailbox, mail: &Mail) -> Result<Message, DeliveryError> {
    let unfit = |_| DeliveryError::Lasting("the mail cannot be composed".to_owned());
    let content = &mail.content;
    let to: Address = content
        .to
        .parse()
        .map_err(|_| DeliveryError::Lasting("the address cannot be mailed to".to_owned()))?;
    let micros = u64::try_from(mail.created_at.micros()).unwrap_or(0);
    Message::builder()
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .date(UNIX_EPOCH + Duration::from_micros(micros))
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(content.subject.replace(char::is_control, " "))
        // RFC 3834: no holiday notes, please
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .multipart(MultiPart::alternative_plain_html(
            content.text.clone(),
            content.html.clone(),
        ))
        .map_err(unfit)
}

/// What a failure means for this mail and for those behind it.
fn fault(error: &lettre::transport::smtp::Error) -> DeliveryError {
    let text = describe(error);
    match error.status().map(u16::from) {
        // Our credentials or TLS, which an operator can set right, or its service as a whole: every mail waits.
        Some(421 | 530..540) => DeliveryError::Unreachable(text),
        Some(_) if error.is_permanent() => DeliveryError::Lasting(text),
        Some(_) => DeliveryError::Passing(text),
        None if error.is_client() => DeliveryError::Passing(text),
        None => DeliveryError::Unreachable(text),
    }
}

/// The kind of a failure. What the server said is left out: servers repeat addresses and contents.
fn describe(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the SMTP server answered {code}"),
        None if error.is_timeout() => "the SMTP server took too long".to_owned(),
        None if error.is_tls() => "no TLS with the SMTP server".to_owned(),
        None if error.is_response() => "the SMTP server hung up, or its answer makes no sense".to_owned(),
        None if error.is_client() => "the mail does not fit what the SMTP server can do".to_owned(),
        None => "no connection to the SMTP server".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Timestamp};
    use crate::ids::MailId;
    use crate::mail::Content;
    use crate::secret::Rng;

    fn mail(to: &str, subject: &str) -> Mail {
        Mail {
            id: MailId::generate(&Clock::System, &Rng::seeded(1)),
            created_at: Timestamp::default(),
            content: Content {
                to: to.into(),
                subject: subject.into(),
                text: "text".into(),
                html: "<p>text</p>".into(),
                links: vec![],
                token: None,
            },
        }
    }

    #[test]
    fn t20_a_message_has_one_receiver_and_exactly_the_expected_headers() {
        let from = sender("Portcullis <no-reply@example.org>").unwrap();
        let mut mail = mail("ada@example.org", "Hello\r\nBcc: eve@example.org");
        mail.created_at = Timestamp::from_micros(1_700_000_000_000_000);
        let message = compose(&from, &mail).unwrap();
        assert_eq!(
            message.envelope().to(),
            ["ada@example.org".parse::<Address>().unwrap()]
        );
        let text = String::from_utf8(message.formatted()).unwrap();
        let head = text.split_once("\r\n\r\n").unwrap().0;
        let mut names: Vec<&str> = head
            .lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split_once(':').unwrap().0)
            .collect();
        names.sort_unstable();
        let wanted = [
            "Auto-Submitted",
            "Content-Type",
            "Date",
            "From",
            "MIME-Version",
            "Message-ID",
            "Subject",
            "To",
        ];
        assert_eq!(names, wanted);
        assert!(
            head.contains(&format!("Message-ID: <{}@example.org>", mail.id)),
            "{head}"
        );
        assert!(head.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000"), "{head}");
    }

    #[test]
    fn t20_what_is_no_address_is_given_up() {
        let from = sender("no-reply@example.org").unwrap();
        for to in [
            "ada",
            "ada@example.org\r\nRCPT TO:<eve@example.org>",
            "Ada <ada@example.org>",
        ] {
            let result = compose(&from, &mail(to, "Hello"));
            assert!(matches!(result, Err(DeliveryError::Lasting(_))), "{to:?}");
        }
    }

    #[tokio::test]
    async fn settings_are_read_at_the_start() {
        for text in ["", "no-reply", "A\r\nB <a@example.org>"] {
            assert!(sender(text).is_err(), "{text:?}");
        }
        let smtp = |url: &str| Smtp::new(&url.to_owned().into(), sender("a@example.org").unwrap());
        for url in [
            "smtp://127.0.0.1:1025",
            "smtp://u:p@mail.example.org?tls=required",
            "smtps://mail.example.org",
        ] {
            assert!(smtp(url).is_ok(), "{url}");
        }
        for url in [
            "mail.example.org",
            "http://mail.example.org",
            "smtp://mail.example.org?tls=no",
        ] {
            assert!(smtp(url).is_err(), "{url}");
        }
    }

    #[test]
    fn offered_tls_is_taken_beyond_loopback() {
        for (url, host) in [
            ("smtp://127.0.0.1:25", None),
            ("smtp://localhost", None),
            ("smtp://[::1]:25", None),
            ("smtp://mail.example.org", Some("mail.example.org")),
            ("smtp://mail.example.org?tls=required", None),
            ("smtps://mail.example.org", None),
        ] {
            assert_eq!(takes_offered_tls(&Url::parse(url).unwrap()), host, "{url}");
        }
    }
}
