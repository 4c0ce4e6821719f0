//! SMTP by lettre: a small pool of connections, TLS as the address says.

use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters, TlsParametersBuilder};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use url::{Host, Url};

use super::DeliveryError;
use crate::config;
use crate::mail::{Mail, SettingError};

/// How long it may take to be connected. (lettre bounds nothing else: the job bounds the whole delivery.)
pub(super) const CONNECTED_WITHIN: Duration = Duration::from_secs(10);
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
pub(super) fn sender(text: &str) -> Result<Mailbox, SettingError> {
    let plain = !text.chars().any(char::is_control);
    let problem = "not an address of the form `Name <name@example.org>`";
    text.parse().ok().filter(|_| plain).ok_or(SettingError {
        key: "mail.from",
        problem: problem.to_owned(),
    })
}

pub(super) fn wrong_url() -> SettingError {
    let problem = "write smtp://host:port, smtp://host:port?tls=required or smtps://host:port, with user and \
        password where needed";
    SettingError {
        key: "mail.smtp_url",
        problem: problem.to_owned(),
    }
}

impl Smtp {
    /// `smtp://` speaks in clear to loopback and takes TLS elsewhere when the server offers it;
    /// `smtp://…?tls=required` insists on STARTTLS, `smtps://` begins with TLS. Whoever offers TLS must have
    /// a certificate for the host, from an authority that the system trusts or `mail.ca_certificates` holds.
    pub(super) fn new(config: &config::Mail, from: Mailbox) -> Result<Self, SettingError> {
        let text = config.smtp_url.as_ref().map_or("", ExposeSecret::expose_secret);
        let url = Url::parse(text).map_err(|_| wrong_url())?;
        // This refuses whatever else may be wrong, such as an unknown `tls`.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(text).map_err(|_| wrong_url())?;
        let tls = tls(&url, config.ca_certificates.as_deref())?;
        let pool = PoolConfig::new().max_size(CONNECTIONS);
        Ok(Self {
            transport: builder
                .tls(tls)
                .timeout(Some(CONNECTED_WITHIN))
                .pool_config(pool)
                .build(),
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

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    None,
    /// Where the server offers it: stops whoever listens, not whoever stands between.
    Offered,
    Starttls,
    FromTheStart,
}

impl Encryption {
    fn of(url: &Url) -> Self {
        let said = url
            .query_pairs()
            .find(|(key, _)| key == "tls")
            .map(|(_, value)| value);
        match (url.scheme(), said.as_deref()) {
            ("smtps", _) => Self::FromTheStart,
            (_, Some("required")) => Self::Starttls,
            (_, None) if is_loopback(url) => Self::None,
            _ => Self::Offered,
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // an address of a scheme that `url` does not know is kept as text
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        None => true,
    }
}

pub(super) fn tls(url: &Url, ca_certificates: Option<&Path>) -> Result<Tls, SettingError> {
    // Read also where it is not used: a wrong path must not wait for the day when it is.
    let authorities = ca_certificates.map(authorities).transpose()?;
    let encryption = Encryption::of(url);
    if encryption == Encryption::None {
        return Ok(Tls::None);
    }
    let host = url.host_str().unwrap_or_default();
    let mut builder = TlsParametersBuilder::new(host.trim_matches(['[', ']']).to_owned());
    if let Some(authorities) = authorities {
        builder = builder.add_root_certificate(authorities);
    }
    let parameters: TlsParameters = builder
        .build()
        .map_err(|error| unusable(ca_certificates, &error))?;
    Ok(match encryption {
        Encryption::FromTheStart => Tls::Wrapper(parameters),
        Encryption::Starttls => Tls::Required(parameters),
        Encryption::Offered | Encryption::None => Tls::Opportunistic(parameters),
    })
}

/// The certificates in `path`, at least one.
fn authorities(path: &Path) -> Result<Certificate, SettingError> {
    let pem = std::fs::read(path).map_err(|error| unusable(Some(path), &error))?;
    if !pem.windows(11).any(|part| part == b"-----BEGIN ") {
        return Err(unusable(Some(path), &"it holds no certificate in PEM form"));
    }
    Certificate::from_pem(&pem).map_err(|error| unusable(Some(path), &error))
}

fn unusable(ca_certificates: Option<&Path>, reason: &dyn std::fmt::Display) -> SettingError {
    let path = ca_certificates.unwrap_or(Path::new("")).display();
    SettingError {
        key: "mail.ca_certificates",
        problem: format!("{path} cannot be used: {reason}"),
    }
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
pub(super) fn describe(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the SMTP server answered {code}"),
        None if error.is_timeout() => "the SMTP server took too long".to_owned(),
        None if is_distrust(error) => "the SMTP server's certificate is not trusted".to_owned(),
        None if error.is_tls() || tls_fault(error).is_some() => "no TLS with the SMTP server".to_owned(),
        None if error.is_response() => "the SMTP server hung up, or its answer makes no sense".to_owned(),
        None if error.is_client() => "the mail does not fit what the SMTP server can do".to_owned(),
        None => "no connection to the SMTP server".to_owned(),
    }
}

/// What went wrong while TLS was agreed upon, which lettre tells as a fault of the connection.
fn tls_fault<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    let mut causes = std::iter::from_fn(|| {
        let cause = next?;
        next = cause.source();
        Some(cause)
    });
    causes.find_map(|cause| {
        let inner = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
        inner.downcast_ref()
    })
}

fn is_distrust(error: &(dyn Error + 'static)) -> bool {
    matches!(tls_fault(error), Some(rustls::Error::InvalidCertificate(_)))
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

    fn smtp(url: &str, ca_certificates: Option<&Path>) -> Result<Smtp, SettingError> {
        let config = config::Mail {
            smtp_url: Some(url.to_owned().into()),
            ca_certificates: ca_certificates.map(Path::to_owned),
            ..config::Mail::default()
        };
        Smtp::new(&config, sender("a@example.org").unwrap())
    }

    #[tokio::test]
    async fn settings_are_read_at_the_start() {
        for text in ["", "no-reply", "A\r\nB <a@example.org>"] {
            assert_eq!(sender(text).unwrap_err().key, "mail.from", "{text:?}");
        }
        for url in [
            "smtp://127.0.0.1:1025",
            "smtp://u:p@mail.example.org?tls=required",
            "smtps://mail.example.org",
            "smtps://[::1]:465",
        ] {
            assert!(smtp(url, None).is_ok(), "{url}");
        }
        for url in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "smtp://mail.example.org?tls=no",
        ] {
            assert_eq!(smtp(url, None).unwrap_err().key, "mail.smtp_url", "{url}");
        }
        for path in ["/nonexistent.pem", "Cargo.toml", "/"] {
            for url in ["smtps://mail.example.org", "smtp://127.0.0.1"] {
                let error = smtp(url, Some(Path::new(path))).unwrap_err();
                assert_eq!(error.key, "mail.ca_certificates", "{path}");
                assert!(error.problem.contains(path), "{error}");
            }
        }
    }

    #[test]
    fn tls_is_taken_beyond_loopback() {
        for (url, wanted) in [
            ("smtp://127.0.0.1:25", Encryption::None),
            ("smtp://localhost", Encryption::None),
            ("smtp://[::1]:25", Encryption::None),
            ("smtp://localhost?tls=required", Encryption::Starttls),
            ("smtp://127.0.0.1?tls=opportunistic", Encryption::Offered),
            ("smtp://mail.example.org", Encryption::Offered),
            ("smtp://mail.example.org?tls=required", Encryption::Starttls),
            ("smtps://mail.example.org", Encryption::FromTheStart),
            ("smtps://localhost?tls=opportunistic", Encryption::FromTheStart),
        ] {
            assert_eq!(Encryption::of(&Url::parse(url).unwrap()), wanted, "{url}");
        }
    }
}
