//! Bytes on the wire: for what no honest client sends.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::DEADLINE;
use super::http::Caller;

/// What came back on a raw connection: the first answer, and everything that was read.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// 0 when the connection ended without an answer.
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Caller {
    /// Sends `bytes` on a connection of their own and reads until the server ends it.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> RawAnswer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may refuse and close before it has taken everything.
        let _refused = stream.write_all(bytes.as_ref()).await;
        let mut read = Vec::new();
        let _reset = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut read))
            .await
            .expect("the server leaves the connection open");
        RawAnswer::of(&read)
    }

    /// A request without a body whose head has these lines, on a connection that ends with it.
    pub async fn raw_get(&self, path: &str, lines: &[&str]) -> RawAnswer {
        let lines = lines.join("\r\n");
        self.raw(format!(
            "GET {path} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n\r\n"
        ))
        .await
    }
}

impl RawAnswer {
    fn of(read: &[u8]) -> Self {
        let text = String::from_utf8_lossy(read);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.get(2..5)?.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// The `code` of a problem, if this is one.
    pub fn code(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        Some(body["code"].as_str()?.to_owned())
    }
}
