//! A mail server of the test's own: it holds a real SMTP conversation over TCP, keeps what it was told,
//! and refuses or drops what the test says.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use portcullis::config::{Config, Transport};
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::eventually;

/// What the server does with the next mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 250.
    Take,
    /// This code after the data.
    Refuse(u16),
    /// This code to RCPT.
    RefuseReceiver(u16),
    /// The connection ends after the data, without an answer.
    Drop,
}

/// One attempt to deliver, taken or not.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub verdict: Verdict,
    pub from: String,
    pub receivers: Vec<String>,
    /// Headers and body as they came, dots unstuffed.
    pub data: String,
}

/// The server. Its tasks end with the test's runtime.
#[derive(Clone, Debug)]
pub struct SmtpSink {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// By receiver.
    verdicts: HashMap<String, VecDeque<Verdict>>,
    attempts: Vec<Attempt>,
}

impl SmtpSink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
        };
        let serving = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sink = serving.clone();
                tokio::spawn(async move {
                    let _gone = sink.converse(stream).await;
                });
            }
        });
        sink
    }

    /// A configuration that sends its mail here.
    pub fn configure(&self) -> impl FnOnce(&mut Config) + Send + use<> {
        let url = format!("smtp://{}", self.address);
        move |config| {
            config.mail.transport = Transport::Smtp;
            config.mail.smtp_url = Some(SecretString::from(url));
            config.mail.from = String::from("Portcullis <no-reply@example.net>");
        }
    }

    /// What happens to the next mails to `receiver`, one after the other; all others are taken.
    pub fn answer(&self, receiver: &str, verdicts: &[Verdict]) {
        let mut state = self.state.lock().unwrap();
        let waiting = state.verdicts.entry(receiver.to_owned()).or_default();
        waiting.extend(verdicts);
    }

    pub fn attempts(&self) -> Vec<Attempt> {
        self.state.lock().unwrap().attempts.clone()
    }

    /// Waits until `count` deliveries were attempted.
    pub async fn attempted(&self, count: usize) -> Vec<Attempt> {
        eventually(&format!("{count} deliveries"), || async {
            let attempts = self.attempts();
            (attempts.len() >= count).then_some(attempts)
        })
        .await
    }

    /// Waits for the `count`th delivery; gives it.
    pub async fn delivery(&self, count: usize) -> Attempt {
        self.attempted(count).await.swap_remove(count - 1)
    }

    /// Waits for the `count`th mail to `receiver` with a link to `page`; gives the token in it.
    pub async fn token(&self, receiver: &str, page: &str, count: usize) -> String {
        let (to, link) = (format!("<{receiver}>"), format!("/{page}/"));
        let is_it = |attempt: &&Attempt| attempt.receivers[0].contains(&to) && attempt.body().contains(&link);
        let what = format!("mail {count} to {receiver} with {link}");
        let found = eventually(&what, || async {
            self.attempts().iter().filter(is_it).nth(count - 1).cloned()
        });
        found.await.token(page)
    }

    fn next_verdict(&self, receiver: &str) -> Verdict {
        let mut state = self.state.lock().unwrap();
        let waiting = state.verdicts.get_mut(receiver);
        waiting.and_then(VecDeque::pop_front).unwrap_or(Verdict::Take)
    }

    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 sink ESMTP\r\n").await?;
        let (mut from, mut receivers, mut verdict) = (String::new(), Vec::new(), None);
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let command = line.trim_end().to_owned();
            let verb = command.get(..4).unwrap_or_default().to_ascii_uppercase();
            let answer = match verb.as_str() {
                "EHLO" => "250-sink\r\n250-SMTPUTF8\r\n250-AUTH PLAIN\r\n250 8BITMIME".to_owned(),
                // Whoever comes is let in.
                "AUTH" => "235 ok".to_owned(),
                "MAIL" => {
                    from.clone_from(&command);
                    receivers.clear();
                    "250 ok".to_owned()
                }
                "RCPT" => {
                    let receiver = command.trim_start_matches("RCPT TO:<");
                    let next = self.next_verdict(receiver.split('>').next().unwrap_or_default());
                    receivers.push(command);
                    verdict = Some(next);
                    if let Verdict::RefuseReceiver(code) = next {
                        self.keep(next, &from, &receivers, String::new());
                        format!("{code} not here")
                    } else {
                        "250 ok".to_owned()
                    }
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await?;
                    let data = read_data(&mut stream).await?;
                    let verdict = verdict.take().unwrap_or(Verdict::Take);
                    self.keep(verdict, &from, &receivers, data);
                    match verdict {
                        Verdict::Drop => return Ok(()),
                        Verdict::Refuse(code) => format!("{code} no"),
                        Verdict::Take | Verdict::RefuseReceiver(_) => "250 taken".to_owned(),
                    }
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                "RSET" | "NOOP" => "250 ok".to_owned(),
                _ => "500 what?".to_owned(),
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }

    fn keep(&self, verdict: Verdict, from: &str, receivers: &[String], data: String) {
        let attempt = Attempt {
            verdict,
            from: from.to_owned(),
            receivers: receivers.to_vec(),
            data,
        };
        self.state.lock().unwrap().attempts.push(attempt);
    }
}

async fn read_data(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

impl Attempt {
    fn head(&self) -> &str {
        self.data.split_once("\r\n\r\n").map_or("", |(head, _)| head)
    }

    /// The names of the headers of the whole mail, sorted.
    pub fn header_names(&self) -> Vec<String> {
        let lines = self.head().split("\r\n");
        let mut names: Vec<String> = lines
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split_once(':').map_or(line, |(name, _)| name).to_owned())
            .collect();
        names.sort_unstable();
        names
    }

    /// The value of a header that stands on one line.
    pub fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        let mut found = self
            .head()
            .split("\r\n")
            .filter_map(|line| line.strip_prefix(&prefix));
        found
            .next()
            .unwrap_or_else(|| panic!("no {name} in {}", self.head()))
    }

    /// All bodies, with the transfer encoding quoted-printable undone.
    pub fn body(&self) -> String {
        let whole = self.data.replace("=\r\n", "");
        let mut bytes = Vec::new();
        let mut rest = whole.as_bytes();
        while let [first, tail @ ..] = rest {
            let code = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let byte = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let coded = byte.filter(|_| *first == b'=');
            bytes.push(coded.unwrap_or(*first));
            rest = if coded.is_some() { &tail[2..] } else { tail };
        }
        String::from_utf8(bytes).unwrap()
    }

    /// The part that a mail program shows.
    pub fn html(&self) -> String {
        let body = self.body();
        let (_, html) = body.split_once("Content-Type: text/html").expect("there is HTML");
        html.to_owned()
    }

    /// The token in the link `/{page}/{token}`.
    pub fn token(&self, page: &str) -> String {
        let body = self.body();
        let (_, after) = body
            .split_once(&format!("/{page}/"))
            .unwrap_or_else(|| panic!("no link to {page} in {body}"));
        after
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
            .collect()
    }

    /// Fails unless this has one receiver, and no header but those that every mail has.
    #[track_caller]
    pub fn is_one_plain_mail(&self, to: &str) {
        assert_eq!(self.receivers, [format!("RCPT TO:<{to}>")]);
        assert!(
            self.from.starts_with("MAIL FROM:<no-reply@example.net>"),
            "{}",
            self.from
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
        assert_eq!(self.header_names(), names, "{}", self.data);
        assert_eq!(self.header("To"), to);
        assert_eq!(self.header("From"), "Portcullis <no-reply@example.net>");
        assert_eq!(self.header("Auto-Submitted"), "auto-generated");
        assert!(self.header("Content-Type").starts_with("multipart/alternative;"));
        assert!(self.header("Message-ID").ends_with("@example.net>"));
    }
}
