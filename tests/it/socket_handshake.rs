//! What is checked before the upgrade: subprotocol, origin, encryption, room.

use portcullis::config::Env;

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;

const PROTOCOL: (&str, &str) = ("Sec-WebSocket-Protocol", "portcullis.v1");
const SITE: &str = "https://hub.example.org";

/// The answer switches to exactly `portcullis.v1`.
#[track_caller]
fn switched(answer: &Answer) {
    assert_eq!(answer.status, 101, "{answer:?}");
    let echoed: Vec<_> = answer.headers.get_all("sec-websocket-protocol").iter().collect();
    assert_eq!(echoed, ["portcullis.v1"]);
    assert!(!answer.headers.contains_key("sec-websocket-extensions"));
}

#[tokio::test]
async fn the_subprotocol_is_required_and_echoed_exactly() {
    let hub = TestApp::spawn().await;
    hub.upgrade(&[]).await.problem(400, "bad_request");
    for offered in [
        "portcullis.v2",
        "portcullis.v1x",
        "PORTCULLIS.V1",
        "portcullis",
        "chat",
        "portcullis.token.portcullis.v1",
        "portcullis.v1, portcullis.token.a, portcullis.token.b",
        "",
    ] {
        let answer = hub.upgrade(&[("Sec-WebSocket-Protocol", offered)]).await;
        answer.problem(400, "bad_request");
    }
    for offered in [
        "portcullis.v1",
        "chat,portcullis.v1",
        "portcullis.v1 , portcullis.v2",
        "portcullis.token.x, portcullis.v1",
    ] {
        switched(&hub.upgrade(&[("Sec-WebSocket-Protocol", offered)]).await);
    }
    // Two lines are one list (RFC 9110, 5.3). Compression is never agreed to.
    let compressed = ("Sec-WebSocket-Extensions", "permessage-deflate");
    let chat = ("Sec-WebSocket-Protocol", "chat");
    switched(&hub.upgrade(&[chat, PROTOCOL, compressed]).await);
}

#[tokio::test]
async fn what_is_no_upgrade_is_refused() {
    let hub = TestApp::spawn().await;
    hub.get("/ws").await.problem(400, "bad_request");
    let old = [PROTOCOL, ("Sec-WebSocket-Version", "8")];
    hub.upgrade(&old).await.problem(400, "bad_request");
    let head = hub.request(reqwest::Method::HEAD, "/ws");
    assert_eq!(Answer::of(head).await.status, 405);
}

/// Origins that look like `https://hub.example.org`, or like nothing at all, to a check that is not exact.
const HOSTILE: &[&str] = &[
    "null",
    "NULL",
    "",
    "*",
    "undefined",
    "about:blank",
    "file://",
    "data:",
    "blob:https://hub.example.org",
    "hub.example.org",
    "//hub.example.org",
    "https:hub.example.org",
    "https:/hub.example.org",
    "https://",
    "https://*",
    "https://*.example.org",
    "https://example.org",
    "https://www.hub.example.org",
    "https://evil.hub.example.org",
    "https://hub.example.org.evil.example",
    "https://hub.example.orgevil.example",
    "https://evilhub.example.org",
    "https://evil-hub.example.org",
    "https://hub-example.org",
    "https://hubxexample.org",
    "https://hub.example.com",
    "https://hub.example.or",
    "https://hub.example.orgg",
    "https://hub.example.org.",
    "https://hub..example.org",
    "https://.hub.example.org",
    "https://hub.example.org:443",
    "https://hub.example.org:8443",
    "https://hub.example.org:80",
    "https://hub.example.org:",
    "https://hub.example.org:0443",
    "https://hub.example.org:443.evil.example",
    "http://hub.example.org",
    "http://hub.example.org:443",
    "ws://hub.example.org",
    "wss://hub.example.org",
    "ftp://hub.example.org",
    "chrome-extension://hub.example.org",
    "httpss://hub.example.org",
    "HTTPS://hub.example.org",
    "Https://hub.example.org",
    "https://HUB.example.org",
    "https://hub.Example.org",
    "https://hub.example.ORG",
    "https://hub.example.org/",
    "https://hub.example.org/ws",
    "https://hub.example.org?",
    "https://hub.example.org#",
    "https://hub.example.org%2eevil.example",
    "https://hub%2eexample.org",
    "https://hub.example.org@evil.example",
    "https://evil.example@hub.example.org",
    "https://hub.example.org:pw@evil.example",
    "https://evil.example\\@hub.example.org",
    "https://evil.example/hub.example.org",
    "https://evil.example?https://hub.example.org",
    "https://evil.example#https://hub.example.org",
    "https://hub.example.org https://evil.example",
    "https://hub.example.org, https://evil.example",
    "https://hub.example.org,https://hub.example.org",
    "https://xn--hb-xka.example.org",
    "https://h\u{fc}b.example.org",
    "https://h\u{1d4ca}b.example.org",
    "https://hub\u{3002}example.org",
    "https://hub.example.\u{43e}rg",
    "https://127.0.0.1",
    "https://localhost",
    "https://[::1]",
];

#[tokio::test]
async fn t03_hostile_origins_are_refused() {
    assert!(HOSTILE.len() >= 60);
    let configured = Tuning::new().configure(|config| config.public_url = Some(SITE.parse().unwrap()));
    let hub = configured.spawn().await;
    for origin in HOSTILE {
        let answer = hub.upgrade(&[PROTOCOL, ("Origin", origin)]).await;
        assert_eq!(answer.status, 403, "{origin:?}");
        answer.problem(403, "origin_refused");
    }
    let twice = [PROTOCOL, ("Origin", SITE), ("Origin", "https://evil.example")];
    hub.upgrade(&twice).await.problem(403, "origin_refused");
    switched(&hub.upgrade(&[PROTOCOL, ("Origin", SITE)]).await);
}

#[tokio::test]
async fn t03_a_list_of_origins_is_exact_and_leaves_the_hubs_own_pages_in() {
    let configured = Tuning::new().configure(|config| {
        config.public_url = Some(SITE.parse().unwrap());
        config.http.allowed_origins = Some(vec!["https://app.example.org".to_owned()]);
    });
    let hub = configured.spawn().await;
    for origin in ["https://app.example.org", SITE] {
        switched(&hub.upgrade(&[PROTOCOL, ("Origin", origin)]).await);
    }
    let others = ["https://app.example.org.evil.example", "http://app.example.org"];
    for origin in others.into_iter().chain(HOSTILE.iter().copied()) {
        let answer = hub.upgrade(&[PROTOCOL, ("Origin", origin)]).await;
        answer.problem(403, "origin_refused");
    }
}

#[tokio::test]
async fn t03_a_browser_that_hides_its_origin_is_refused() {
    let hub = TestApp::spawn().await;
    switched(&hub.upgrade(&[PROTOCOL]).await);
    for (name, value) in [
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "websocket"),
        ("sec-fetch-dest", "empty"),
        ("Sec-Fetch-Storage-Access", "none"),
    ] {
        let answer = hub.upgrade(&[PROTOCOL, (name, value)]).await;
        answer.problem(403, "origin_refused");
    }
}

#[tokio::test]
async fn t03_a_cookie_opens_no_socket() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in("ada@example.org", "user").await;
    let mut request = hub.upgrade_request("portcullis.v1");
    let cookie = format!("portcullis_refresh={}; token={}", pair.refresh, pair.access);
    request.headers_mut().insert("Cookie", cookie.parse().unwrap());
    let mut socket = hub.try_connect(request).await.unwrap();
    socket.say(serde_json::json!({ "type": "pong" })).await;
    assert_eq!(socket.closed().await, 4302, "it is still nobody's");
}

/// A server that is reached over TLS alone, which `trusted` proxies end.
async fn encrypted(trusted: &'static str, public: &'static str, env: Env) -> TestApp {
    let configured = Tuning::new().configure(move |config| {
        config.env = env;
        config.public_url = Some(public.parse().unwrap());
        config.http.trusted_proxies = vec![trusted.parse().unwrap()];
    });
    configured.spawn().await
}

#[tokio::test]
async fn t02_in_production_a_trusted_proxy_must_say_https() {
    let trusting = encrypted("127.0.0.0/8", SITE, Env::Production).await;
    let distrusting = encrypted("10.0.0.0/8", SITE, Env::Production).await;
    let development = encrypted("10.0.0.0/8", SITE, Env::Development).await;
    let plain = encrypted("10.0.0.0/8", "http://127.0.0.1:8080", Env::Production).await;
    let cases: &[(&[(&str, &str)], bool)] = &[
        (&[("X-Forwarded-Proto", "https")], true),
        (&[("X-Forwarded-Proto", "HTTPS")], true),
        (&[("X-Forwarded-Proto", "https, https")], true),
        (
            &[("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "203.0.113.9")],
            true,
        ),
        (&[], false),
        (&[("X-Forwarded-Proto", "http")], false),
        (&[("X-Forwarded-Proto", "wss")], false),
        (&[("X-Forwarded-Proto", "")], false),
        (&[("X-Forwarded-Proto", "https, http")], false),
        (&[("X-Forwarded-Proto", "http, https")], false),
        (
            &[("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")],
            false,
        ),
        (&[("X-Forwarded-Scheme", "https")], false),
        (&[("X-Forwarded-Ssl", "on")], false),
        (&[("X-Forwarded-Port", "443")], false),
        (&[("Front-End-Https", "on")], false),
        (&[("X-Url-Scheme", "https")], false),
    ];
    for (forwarded, encrypted) in cases {
        let headers: Vec<_> = [PROTOCOL].iter().chain(*forwarded).copied().collect();
        let answer = trusting.upgrade(&headers).await;
        if *encrypted {
            switched(&answer);
        } else {
            assert_eq!(answer.status, 403, "{forwarded:?}");
            answer.problem(403, "forbidden");
        }
        distrusting.upgrade(&headers).await.problem(403, "forbidden");
        switched(&development.upgrade(&headers).await);
        switched(&plain.upgrade(&headers).await);
    }
}

#[tokio::test]
async fn a_draining_node_takes_no_sockets() {
    let hub = TestApp::spawn().await;
    switched(&hub.upgrade(&[PROTOCOL]).await);
    hub.get("/readyz").await.expect(200);
    hub.app.lifecycle.drain();
    refused_for_now(&hub.upgrade(&[PROTOCOL]).await);
    let with_token = ("Sec-WebSocket-Protocol", "portcullis.v1, portcullis.token.x");
    refused_for_now(&hub.upgrade(&[with_token]).await);
    hub.get("/readyz").await.problem(503, "unavailable");
}

#[track_caller]
fn refused_for_now(answer: &Answer) {
    answer.problem(503, "overloaded");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
}

#[tokio::test]
async fn a_full_node_takes_no_sockets_until_one_has_left() {
    let configured = Tuning::new().configure(|config| config.hub.max_connections = Some(2));
    let hub = configured.spawn().await;
    let (_, pair) = hub.signed_in("ada@example.org", "user").await;
    let spare = hub.socket_token(&pair.access).await;
    let (open, _) = hub.open(&pair.access).await;
    let waiting = hub.connect().await;
    refused_for_now(&hub.upgrade(&[PROTOCOL]).await);
    let with_token = format!("portcullis.v1, portcullis.token.{spare}");
    refused_for_now(&hub.upgrade(&[("Sec-WebSocket-Protocol", &with_token)]).await);
    drop(waiting);
    crate::support::eventually("the place of a socket that left is free", || async {
        let mut socket = hub.try_connect(hub.upgrade_request(&with_token)).await.ok()?;
        Some(socket.frame("ready").await)
    })
    .await;
    drop(open);
}

#[tokio::test]
async fn one_address_has_so_many_waiting_sockets_and_a_token_never_waits() {
    let hub = Tuning::new()
        .forwarded()
        .configure(|config| config.hub.waiting_per_address = 2)
        .spawn()
        .await;
    let (_, pair) = hub.signed_in("ada@example.org", "user").await;
    let connect_from = async |address: &str| {
        let mut request = hub.upgrade_request("portcullis.v1");
        request
            .headers_mut()
            .insert("X-Forwarded-For", address.parse().unwrap());
        hub.try_connect(request).await
    };
    let mut waiting = vec![
        connect_from("2001:db8:0:1::1").await.unwrap(),
        connect_from("2001:db8:0:1:ffff::2").await.unwrap(),
    ];
    let third = [PROTOCOL, ("X-Forwarded-For", "2001:db8:0:1:aaaa::3")];
    refused_for_now(&hub.upgrade(&third).await);
    waiting.push(connect_from("2001:db8:0:2::1").await.unwrap());
    waiting.push(connect_from("203.0.113.1").await.unwrap());

    let token = hub.socket_token(&pair.access).await;
    let mut request = hub.upgrade_request(&format!("portcullis.v1, portcullis.token.{token}"));
    let own = "2001:db8:0:1::1".parse().unwrap();
    request.headers_mut().insert("X-Forwarded-For", own);
    let mut at_once = hub.try_connect(request).await.unwrap();
    at_once.frame("ready").await;

    // Who has said hello waits no longer, and so makes room.
    let token = hub.socket_token(&pair.access).await;
    waiting[0].hello(&token).await;
    waiting[0].frame("ready").await;
    connect_from("2001:db8:0:1::4").await.unwrap();
}
