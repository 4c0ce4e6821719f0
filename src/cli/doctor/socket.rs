//! The socket, opened by way of the operator's own proxy: the switch of protocols, and a frame each way.

use aws_lc_rs::digest;
use data_encoding::BASE64;
use reqwest::header::{
    CONNECTION, HeaderMap, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::web::{self, reason};
use super::{Finding, Patient};
use crate::secret::Rng;

const OF: &str = "socket";
const SUBPROTOCOL: &str = "portcullis.v1";
/// RFC 6455, 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// A close frame with 1000, masked as a client's must be, with a mask of zeroes.
const GOODBYE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
const CLOSE: u8 = 0x88;
const UPGRADES: &str = "let the proxy pass the upgrade on (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                        proxy_set_header Connection \"upgrade\")";

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let Some(site) = &patient.site else {
        return Vec::new();
    };
    let Ok(client) = web::client() else {
        return Vec::new();
    };
    let mut bits = [0; 16];
    Rng::System.fill(&mut bits);
    let key = BASE64.encode(&bits);
    let request = client
        .get(site.link("/ws"))
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .header(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .header(ORIGIN, site.origin());
    vec![match request.send().await {
        Err(error) => Finding::wrong(
            OF,
            format!("{}: {}", site.socket_url(), reason(&error)),
            "see what is said of public_url; if that is fine, the proxy holds the upgrade back",
        ),
        Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
            switched(answer, &key, site.socket_url()).await
        }
        Ok(answer) => refused(answer).await,
    }]
}

/// The protocol was switched: is it ours, and does it carry anything?
async fn switched(answer: Response, key: &str, url: String) -> Finding {
    let header = |headers: &HeaderMap, name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok().map(str::to_owned))
    };
    if header(answer.headers(), SEC_WEBSOCKET_ACCEPT) != Some(accept(key)) {
        return Finding::wrong(
            OF,
            "the answer to the upgrade is not for our request",
            "something on the way keeps answers: let nothing cache /ws",
        );
    }
    if header(answer.headers(), SEC_WEBSOCKET_PROTOCOL).as_deref() != Some(SUBPROTOCOL) {
        return Finding::wrong(
            OF,
            "the subprotocol portcullis.v1 is lost on the way, or another server answers /ws",
            "let the proxy pass Sec-WebSocket-Protocol on, both ways",
        );
    }
    match tokio::time::timeout(web::PATIENCE, say_goodbye(answer)).await {
        Ok(Some(())) => Finding::ok(OF, format!("{url} opens, and frames pass both ways")),
        _ => Finding::wrong(
            OF,
            format!("{url} opens, and then no frame passes"),
            "the proxy buffers or inspects what it should carry: let it pass bytes as they come",
        ),
    }
}

/// Sends a close frame, and reads one in return.
async fn say_goodbye(answer: Response) -> Option<()> {
    let mut stream = answer.upgrade().await.ok()?;
    stream.write_all(&GOODBYE).await.ok()?;
    stream.flush().await.ok()?;
    loop {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await.ok()?;
        if head[0] == CLOSE {
            return Some(());
        }
        // Frames of the hub before a hello are short: the length is the second byte.
        let mut rest = vec![0; usize::from(head[1] & 0x7f)];
        stream.read_exact(&mut rest).await.ok()?;
    }
}

async fn refused(answer: Response) -> Finding {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let problem: Option<Value> = answer.json().await.ok();
    let said = |field: &str| {
        problem
            .as_ref()
            .and_then(|problem| problem[field].as_str())
            .unwrap_or("")
            .to_owned()
    };
    let (code, detail) = (said("code"), said("detail"));
    let what = if code.is_empty() {
        format!("/ws answers {status}, and that is not the hub")
    } else {
        format!("/ws answers {status} {code}: {detail}")
    };
    let todo = match status {
        StatusCode::BAD_REQUEST if detail.contains("subprotocol") => {
            "the proxy takes Sec-WebSocket-Protocol away: let it pass that header on".to_owned()
        }
        StatusCode::BAD_REQUEST
        | StatusCode::UPGRADE_REQUIRED
        | StatusCode::OK
        | StatusCode::METHOD_NOT_ALLOWED => UPGRADES.to_owned(),
        StatusCode::FORBIDDEN if code == "origin_refused" => {
            "the proxy changes `Origin`, or public_url is not what the hub runs with".to_owned()
        }
        StatusCode::FORBIDDEN => {
            "list the proxy in http.trusted_proxies, and let it set X-Forwarded-Proto".to_owned()
        }
        StatusCode::NOT_FOUND => "let the proxy pass /ws to the hub".to_owned(),
        StatusCode::MISDIRECTED_REQUEST => {
            "let the proxy pass `Host` on (nginx: proxy_set_header Host $host)".to_owned()
        }
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            "the proxy does not reach the hub: is http.listen where it looks?".to_owned()
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            let wait = headers
                .get("retry-after")
                .and_then(|value| value.to_str().ok())
                .unwrap_or("some");
            format!("the hub takes no more sockets just now, or drains: again in {wait} seconds")
        }
        _ if status.is_redirection() => "public_url must be the address that the proxy serves".to_owned(),
        _ => UPGRADES.to_owned(),
    };
    Finding::wrong(OF, what, todo)
}

/// What proves that a WebSocket server read `key` (RFC 6455, 4.2.2).
fn accept(key: &str) -> String {
    let text = format!("{key}{GUID}");
    BASE64.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_that_of_the_standard() {
        // RFC 6455, 1.3.
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
