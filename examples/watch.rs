//! `cargo run --example watch -- ACCESS_TOKEN [HUB]`, or `-- EMAIL PASSWORD [HUB]`: opens a socket and prints every
//! frame that the hub sends, until the hub closes it. HUB is `http://127.0.0.1:8080` unless given.
//!
//! This is all that a client needs to do: ask for a socket token, say hello, answer pings. What the frames
//! mean is in `docs/PROTOCOL.md`.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

const PROTOCOL: &str = "portcullis.v1";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(who) = arguments.next() else {
        bail!("usage: cargo run --example watch -- ACCESS_TOKEN [HUB], or EMAIL PASSWORD [HUB]");
    };
    let password = if who.contains('@') { arguments.next() } else { None };
    let hub = arguments.next().unwrap_or("http://127.0.0.1:8080".to_owned());
    // Already installed, if anything else here has.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let access_token = match password {
        Some(password) => sign_in(&hub, &who, &password).await?,
        None => who,
    };

    // A socket token is good for 30 seconds and one socket.
    let ticket = ask_for_token(&hub, &access_token).await?;
    let text = |key: &str| ticket[key].as_str().unwrap_or_default();
    let mut request = text("url").into_client_request()?;
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", PROTOCOL.parse()?);
    let (mut socket, _) = connect_async(request)
        .await
        .context("the socket cannot be opened")?;
    let hello = json!({ "type": "hello", "token": text("token"), "client": { "name": "watch" } });
    socket.send(Message::text(hello.to_string())).await?;

    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) => {
                let frame: Value = serde_json::from_str(&text)?;
                if frame["type"] == "ping" {
                    let pong = json!({ "type": "pong", "version": frame["version"] });
                    socket.send(Message::text(pong.to_string())).await?;
                } else {
                    print(&shorten(&text, &frame))?;
                }
            }
            Message::Close(Some(close)) => {
                print(&format!("closed: {} {}", u16::from(close.code), close.reason))?;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn ask_for_token(hub: &str, access_token: &str) -> anyhow::Result<Value> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/api/auth/socket", hub.trim_end_matches('/'));
    answered(client.get(url).bearer_auth(access_token)).await
}

/// Signs in, at a hub that may have been started just now; gives the access token.
async fn sign_in(hub: &str, email: &str, password: &str) -> anyhow::Result<String> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let hub = hub.trim_end_matches('/');
    for _ in 0..100 {
        if client.get(format!("{hub}/healthz")).send().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let body = json!({ "email": email, "password": password, "device": "watch" });
    let pair = answered(client.post(format!("{hub}/api/auth")).json(&body)).await?;
    Ok(pair["access_token"].as_str().unwrap_or_default().to_owned())
}

/// The body of an answer that is a success.
async fn answered(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let answer = request
        .send()
        .await
        .context("the hub does not answer; does it run?")?;
    let status = answer.status();
    let body = answer.text().await?;
    if !status.is_success() {
        bail!("refused: {body}");
    }
    Ok(serde_json::from_str(&body)?)
}

/// The frame's text, its access token cut short: a screen is no place for one.
fn shorten(text: &str, frame: &Value) -> String {
    match frame["access_token"].as_str() {
        Some(token) => text.replace(token, &format!("{}…", token.get(..8).unwrap_or_default())),
        None => text.to_owned(),
    }
}

/// One line at once, so that it does not mix with what else prints to this terminal.
fn print(line: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(format!("{line}\n").as_bytes())
}
