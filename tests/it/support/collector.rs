//! A collector of OpenTelemetry: it takes batches of spans by OTLP over HTTP, and keeps each as it came.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::eventually;

/// One request, byte by byte.
#[derive(Clone, Debug)]
pub struct Batch {
    pub head: String,
    pub body: Vec<u8>,
}

/// The collector. Its tasks end with the test's runtime.
#[derive(Clone, Debug)]
pub struct Collector {
    pub address: SocketAddr,
    batches: Arc<Mutex<Vec<Batch>>>,
}

impl Collector {
    /// One that takes everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Self {
            address: listener.local_addr().unwrap(),
            batches: Arc::default(),
        };
        let serving = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let collector = serving.clone();
                tokio::spawn(async move {
                    let _gone = collector.converse(stream).await;
                });
            }
        });
        collector
    }

    /// What `telemetry.otlp_endpoint` is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn batches(&self) -> Vec<Batch> {
        self.batches.lock().unwrap().clone()
    }

    /// Every span that has come so far.
    pub fn spans(&self) -> Vec<Span> {
        let batches = self.batches().into_iter();
        let requests = batches.map(|batch| ExportTraceServiceRequest::decode(batch.body.as_slice()).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// Waits for a span for which `is_it` holds.
    pub async fn span(&self, what: &str, is_it: impl Fn(&Span) -> bool) -> Span {
        eventually(what, || async {
            self.spans().into_iter().find(|span| is_it(span))
        })
        .await
    }

    async fn converse(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut read = Vec::new();
        loop {
            let head = loop {
                if let Some(at) = read.windows(4).position(|end| end == b"\r\n\r\n") {
                    break at + 4;
                }
                if stream.read_buf(&mut read).await? == 0 {
                    return Ok(());
                }
            };
            let text = String::from_utf8(read[..head].to_vec()).unwrap();
            let length = header(&text, "content-length").map_or(0, |text| text.parse().unwrap());
            while read.len() < head + length {
                stream.read_buf(&mut read).await?;
            }
            let body = read[head..head + length].to_vec();
            read.drain(..head + length);
            self.batches.lock().unwrap().push(Batch { head: text, body });
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await?;
        }
    }
}

impl Batch {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

/// The attribute `key` of a span, as text.
pub fn attribute(span: &Span, key: &str) -> Option<String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let found = span.attributes.iter().find(|pair| pair.key == key)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}
