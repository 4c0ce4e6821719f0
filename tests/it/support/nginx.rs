//! nginx with the files of `deploy/nginx`, in which nothing is changed but names: addresses, ports, files.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::database::Folder;
use super::http::{Caller, IDLE};
use super::socket::TestSocket;
use super::source::root;
use super::{DEADLINE, eventually, free_address};

/// The name in `site.conf`.
pub const NAME: &str = "auth.example.org";
/// The one address in `addresses.conf` here, beside none of the shipped ones.
pub const LISTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// What stands in `nodes.conf`.
const SHIPPED_NODES: [&str; 2] = ["172.31.57.11", "172.31.57.12"];
/// The beginning of a line there.
const SERVER: &str = "    server ";
const SHIPPED_TLS: &str = "/etc/portcullis/tls";
const SHIPPED_LOG: &str = "/var/log/nginx/access.log";
/// Who asked for what.
const LOG: &str = "access.log";
/// Where its complaints go.
const SAID: &str = "error.log";

/// Where the hubs behind it are.
#[derive(Clone, Copy, Debug)]
pub struct Behind {
    pub http: SocketAddr,
    pub metrics: SocketAddr,
}

/// A running nginx; it ends with the value.
#[derive(Debug)]
pub struct Nginx {
    /// Where it speaks TLS.
    pub tls: SocketAddr,
    /// Where it speaks HTTP in clear.
    pub plain: SocketAddr,
    folder: Folder,
    process: Child,
}

/// Somebody on the other side of nginx, with an address of their own.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub caller: Caller,
    from: Ipv4Addr,
    tls: Arc<rustls::ClientConfig>,
}

impl Nginx {
    /// Starts it in front of two hubs or more.
    pub async fn before(hubs: &[Behind]) -> Self {
        Self::adjusted(hubs, |_, text| text).await
    }

    /// As [`before`](Self::before), after `adjust` has changed more of a file, given its name.
    pub async fn adjusted(hubs: &[Behind], adjust: impl Fn(&str, String) -> String) -> Self {
        let (tls, plain) = (free_address().await, free_address().await);
        let folder = Folder::new();
        copy(&folder, [tls, plain], |name, mut text| {
            if name == "nodes.conf" {
                text = with_nodes(&text, hubs);
            }
            if name == "addresses.conf" {
                text = replace(&text, "127.0.0.0/8", &LISTED.to_string());
            }
            adjust(name, text)
        });
        let said = std::fs::File::create(folder.path().join(SAID)).unwrap();
        let process = command(&folder, &["-g", "daemon off; pid nginx.pid;"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        let nginx = Self {
            tls,
            plain,
            folder,
            process,
        };
        eventually("nginx listens", || async { TcpStream::connect(tls).await.ok() }).await;
        nginx
    }

    /// Somebody who calls from `from`, an address of loopback.
    pub fn visitor(&self, from: Ipv4Addr) -> Visitor {
        let file = self.folder.path().join("tls/fullchain.pem");
        let pem = std::fs::read(&file).unwrap();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
            .local_address(IpAddr::from(from))
            .resolve(NAME, self.tls)
            .build()
            .unwrap();
        let base = format!("https://{NAME}:{}", self.tls.port());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&file).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Visitor {
            caller: Caller::with(self.tls, client, base),
            from,
            tls: Arc::new(tls),
        }
    }

    /// What it complained of.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(SAID)).unwrap()
    }

    /// What the access log says, a line each.
    pub fn log(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.folder.path().join(LOG)).unwrap();
        let whole = text.lines().map(|line| serde_json::from_str(line).unwrap());
        whole.collect()
    }
}

impl Drop for Nginx {
    /// Its workers end with it when it is asked, and not when it is killed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("nginx said: {}", self.said());
        }
        let running = self.process.id().and_then(|id| i32::try_from(id).ok());
        if let Some(master) = running.and_then(Pid::from_raw) {
            let _gone = kill_process(master, Signal::TERM);
        }
    }
}

impl Visitor {
    /// A socket through the upgrade, its token in the subprotocol; `None` when it was refused.
    pub async fn try_open(&self, ticket: &str) -> Option<TestSocket<TlsStream<TcpStream>>> {
        let stream = self.connect().await.ok()?;
        let url = self.caller.url("/ws").replacen("https", "wss", 1);
        let mut request = url.into_client_request().unwrap();
        let protocols = format!("portcullis.v1, portcullis.token.{ticket}");
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocols.parse().unwrap());
        let opened = tokio::time::timeout(DEADLINE, client_async(request, stream)).await;
        let (wire, _) = opened.ok()?.ok()?;
        Some(TestSocket { wire })
    }

    /// A request whose path is written as it stands here; gives the status of the answer.
    pub async fn raw(&self, method: &str, path: &str, head: &[(&str, &str)]) -> u16 {
        let mut stream = self.connect().await.unwrap();
        let lines = head.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let lines = lines.collect::<Vec<_>>().concat();
        let request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        // TLS may end without its farewell.
        let _cut = stream.read_to_end(&mut read).await;
        let status = read
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        status.unwrap_or(0)
    }

    /// TLS, from this address.
    async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.from, 0).into())?;
        let stream = socket.connect(self.caller.address).await?;
        let name = ServerName::try_from(NAME).unwrap();
        TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, stream)
            .await
    }
}

/// What nginx says of the files as they are, but for ports that anybody may use and a certificate.
pub async fn check_shipped() -> Output {
    let folder = Folder::new();
    let own = [free_address().await, free_address().await];
    copy(&folder, own, |_, text| text);
    command(&folder, &["-t", "-g", "pid nginx.pid;"])
        .output()
        .await
        .unwrap()
}

/// `nodes.conf` as an operator of these hubs has it: further nodes stand as the second one does.
fn with_nodes(text: &str, hubs: &[Behind]) -> String {
    let [first, second] = SHIPPED_NODES;
    let mut text = text.to_owned();
    for (shipped, hub) in [first, second].into_iter().zip(hubs) {
        text = replace(&text, &format!("{shipped}:9464"), &hub.metrics.to_string());
    }
    text = replace(&text, &format!("{first}:8080"), &hubs[0].http.to_string());
    assert!(text.contains(&format!("{SERVER}{second}:8080")));
    let lines = text.lines().flat_map(|line| {
        let options = line.strip_prefix(&format!("{SERVER}{second}:8080"));
        let others = options.map(|options| {
            let others = hubs[1..].iter();
            others
                .map(|hub| format!("{SERVER}{}{options}\n", hub.http))
                .collect()
        });
        others.unwrap_or_else(|| vec![format!("{line}\n")])
    });
    lines.collect()
}

fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let mut command = Command::new("nginx");
    command
        .env("PATH", path)
        .args(["-p".as_ref(), folder.path()])
        .args(["-c".as_ref(), folder.path().join("nginx.conf").as_path()])
        .args(arguments);
    command
}

/// Lays a copy of the files out in `folder`, with a certificate, listening at `own`.
fn copy(folder: &Folder, own: [SocketAddr; 2], adjust: impl Fn(&str, String) -> String) {
    let [tls, plain] = own;
    let secrets = folder.path().join("tls");
    make_certificate(&secrets);
    for entry in std::fs::read_dir(root().join("deploy/nginx")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut text = std::fs::read_to_string(&path).unwrap();
        match name.as_str() {
            "portcullis.conf" => {
                text = replace(&text, "listen 443", &format!("listen {tls}"));
                text = replace(&text, "listen 80", &format!("listen {plain}"));
                text = replace(&text, SHIPPED_LOG, LOG);
                // Not every machine that runs tests has IPv6.
                let lines = text.lines().filter(|line| !line.contains("listen [::]"));
                text = lines.flat_map(|line| [line, "\n"]).collect();
            }
            "nginx.conf" => text = replace(&text, "http {\n", &format!("http {{\n{}", own_folders())),
            "site.conf" => text = replace(&text, SHIPPED_TLS, secrets.to_str().unwrap()),
            _ => {}
        }
        std::fs::write(folder.path().join(&name), adjust(&name, text)).unwrap();
    }
}

/// Folders that whoever runs the tests may write into.
fn own_folders() -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "scgi", "uwsgi"];
    let lines = kinds.map(|kind| format!("    {kind}_temp_path {kind};\n"));
    lines.concat()
}

/// A replacement that replaces something: an edit of the files must not leave the test behind.
pub fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not there any more");
    text.replace(from, to)
}

fn make_certificate(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "1", "-subj", "/CN=a test", "-addext"])
        .arg(format!("subjectAltName=DNS:{NAME}"))
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("privkey.pem"))
        .arg("-out")
        .arg(folder.join("fullchain.pem"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
}
