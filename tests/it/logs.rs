//! What the log holds: no secret, however much it says (T14; nor do the metrics), and one line for each event (T15).

use portcullis::roles::Permission;
use serde_json::{Value, json};

use crate::support::binary::{Installation, Server};
use crate::support::http::{Answer, Caller};
use crate::support::{Pair, free_address, sql};

const ADA: &str = "ada@example.org";
const MASTER: &str = "canary-master secret for the log test 0123456789";
const FIRST: &str = "canary-first lettuce 4711 umbrella";
const SECOND: &str = "canary-second lettuce 4712 umbrella";
const WRONG: &str = "canary-wrong lettuce 4713 umbrella";

/// Everything secret that went over the wire, in both directions.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn keep(&mut self, secret: &str) {
        assert!(secret.len() > 20, "too short to look for: {secret}");
        self.0.push(secret.to_owned());
        // The part of a signed token that proves, and the part of an opaque one.
        if let Some((_, proof)) = secret.rsplit_once(['.', '_'])
            && proof.len() > 20
        {
            self.0.push(proof.to_owned());
        }
    }

    fn keep_pair(&mut self, pair: &Pair) {
        self.keep(&pair.access);
        self.keep(&pair.refresh);
    }
}

async fn sign_in(hub: &Caller, password: &str) -> Pair {
    Pair::of(&hub.try_sign_in(ADA, password).await.expect(200))
}

/// Registration, activation, sign-in, refresh, sockets, recovery, set-up, management: what carries secrets.
async fn live(installation: &Installation, server: &Server) -> Secrets {
    let hub = &server.caller;
    let mut secrets = Secrets(vec![MASTER.to_owned()]);
    for password in [FIRST, SECOND, WRONG] {
        secrets.keep(password);
    }
    hub.post("/api/users", json!({ "email": ADA, "password": FIRST }))
        .await
        .expect(202);
    let token = hub.mailed_token(ADA, 1).await;
    secrets.keep(&token);
    hub.get(&format!("/activate/{token}")).await.expect(200);
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .expect(200);
    hub.patch(&format!("/api/auth/activate/{token}/"))
        .await
        .expect(410);
    hub.try_sign_in(ADA, WRONG).await.expect(401);
    let first = sign_in(hub, FIRST).await;
    secrets.keep_pair(&first);
    let second = Pair::of(&hub.try_refresh(&first.refresh).await.expect(200));
    secrets.keep_pair(&second);

    let ticket = hub.socket_token(&second.access).await;
    secrets.keep(&ticket);
    let offered = format!("portcullis.v1, portcullis.token.{ticket}");
    let mut socket = hub.try_connect(hub.upgrade_request(&offered)).await.unwrap();
    socket.frame("ready").await;
    socket.say(json!({ "type": "token", "id": "1" })).await;
    secrets.keep(socket.frame("token").await["access_token"].as_str().unwrap());
    let mut other = hub.connect().await;
    other.say(json!({ "type": "hello", "token": ticket })).await;
    assert_eq!(other.closed().await, 4103);
    hub.get(&format!("/api/users/me?access_token={}", second.access))
        .await
        .expect(401);

    hub.post("/api/auth/recovery", json!({ "email": ADA }))
        .await
        .expect(202);
    let token = hub.mailed_token(ADA, 2).await;
    secrets.keep(&token);
    hub.get(&format!("/recovery/{token}")).await.expect(200);
    let path = format!("/api/auth/recovery/{token}");
    hub.post(&path, json!({ "password": SECOND })).await.expect(204);
    socket.signed_out("password_changed").await;
    let third = sign_in(hub, SECOND).await;
    secrets.keep_pair(&third);
    let body = json!({ "email": ADA, "password": SECOND });
    let in_cookies = hub
        .request(reqwest::Method::POST, "/api/auth")
        .header("x-portcullis-mode", "cookie")
        .header("origin", format!("http://{}", hub.address));
    let answer = Answer::of(in_cookies.json(&body)).await.expect(200);
    for line in answer.headers.get_all("set-cookie") {
        let (name, value) = line.to_str().unwrap().split_once('=').unwrap();
        if name == "portcullis_signed_in" {
            continue;
        }
        secrets.keep(value.split(';').next().unwrap());
    }

    let setup = server.setup_token().await;
    secrets.keep(&setup);
    let boss = json!({ "email": "boss@example.org", "password": SECOND });
    hub.get(&format!("/setup/{setup}")).await.expect(200);
    hub.post(&format!("/api/setup/{setup}"), boss).await.expect(201);
    let scope = Permission::SessionsRevoke.as_str();
    let printed = installation
        .ask(&["key", "create", "--name", "backend", "--scopes", scope])
        .await;
    let key = printed.trim_end().lines().last().unwrap();
    secrets.keep(key);
    let order = json!({ "session_id": third.session, "reason": "a test" });
    hub.post_as(key, "/api/revocations", order).await.expect(200);
    hub.try_refresh(&third.refresh).await.expect(401);
    let logout = json!({ "refresh_token": second.refresh });
    hub.post("/api/auth/logout", logout).await.expect(204);
    secrets
}

#[tokio::test]
async fn t14_no_secret_is_in_the_log_however_much_it_says_nor_in_the_metrics() {
    let mut installation = Installation::new().await;
    installation.set("RUST_LOG", "trace");
    installation.set("PORTCULLIS_SECRETS__MASTER", MASTER);
    let metrics = free_address().await;
    installation.set("PORTCULLIS_METRICS__LISTEN", &metrics.to_string());
    let log = installation.folder.path().join("log");
    let server = installation.serve_logging_to(&log).await;
    let secrets = live(&installation, &server).await;
    let text = std::fs::read_to_string(&log).unwrap();
    let page = Caller::new(metrics).get("/metrics").await.expect(200);
    assert!(page.text().contains("/api/auth/recovery/{token}"));
    assert!(
        text.contains("/api/auth/recovery/{token}"),
        "requests are logged by their routes"
    );
    for secret in &secrets.0 {
        let found = text.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(found, None, "{secret} is in the log");
        assert!(
            !page.text().contains(secret.as_str()),
            "{secret} is in the metrics"
        );
    }
    // Nor at rest, but where the development mailbox keeps its mails.
    for (table, columns) in [
        ("audit", "details || actor || coalesce(request_id, '')"),
        ("journal", "data || kind"),
        (
            "sessions",
            "coalesce(user_agent, '') || coalesce(device, '') || amr",
        ),
        ("revocations", "selector || reason || actor"),
        ("meta", "value"),
    ] {
        let sql = format!("select {columns} from {table}");
        let rows = sql::texts(installation.database_url(), &sql).await;
        for row in rows.into_iter().flatten() {
            let found = secrets.0.iter().find(|secret| row.contains(secret.as_str()));
            assert_eq!(found, None, "in {table}: {row}");
        }
    }
}

/// A request as a liar sends it, byte by byte.
async fn lie(hub: &Caller, user_agent: &str, id: &str, device: &str) -> u16 {
    let body = json!({ "email": ADA, "password": WRONG, "device": device }).to_string();
    let head = format!(
        "POST /api/auth HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\
         User-Agent: {user_agent}\r\nX-Request-Id: {id}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    hub.raw(head).await.status
}

#[tokio::test]
async fn t15_nobody_writes_a_line_of_their_own_into_the_log() {
    let mut installation = Installation::new().await;
    installation.set("RUST_LOG", "trace");
    for (name, value) in [
        ("PORTCULLIS_ENV", "production"),
        ("PORTCULLIS_MAIL__TRANSPORT", "smtp"),
        ("PORTCULLIS_MAIL__SMTP_URL", "smtps://mail.example.org"),
        ("PORTCULLIS_SECRETS__MASTER", MASTER),
        ("PORTCULLIS_PASSWORDS__MEMORY_KIB", "19456"),
        ("PORTCULLIS_PASSWORDS__ITERATIONS", "2"),
    ] {
        installation.set(name, value);
    }
    let log = installation.folder.path().join("log");
    installation.ask(&["migrate"]).await;
    let server = installation.serve_logging_to(&log).await;
    let hub = &server.caller;
    let hostile = [
        "forged\u{9b}31m",
        "forged\u{1b}[2J\u{1b}[31m",
        "forged \u{2028}{\"level\":\"ERROR\"}",
        "forged\u{202e}gnorw",
        "forged \"}{\"level\":\"ERROR",
        "forged\tx",
    ];
    for text in hostile {
        // A header cannot hold every one of them: then it is refused as a whole.
        let status = lie(hub, text, text, "plain").await;
        assert!([400, 401].contains(&status), "{text:?}: {status}");
        let status = lie(hub, "plain", "plain", text).await;
        assert!([401, 422].contains(&status), "{text:?}: {status}");
        let path = url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        hub.get(&format!("/{path}?{path}")).await.expect(404);
        Answer::of(
            hub.request(
                text.replace(|c: char| !c.is_ascii_alphabetic(), "")
                    .parse()
                    .unwrap(),
                "/",
            ),
        )
        .await
        .expect(405);
    }
    for line_break in ["forged\r\nlevel: ERROR", "forged\nERROR"] {
        let status = lie(hub, "plain", "plain", line_break).await;
        assert_eq!(status, 422);
    }
    let text = std::fs::read_to_string(&log).unwrap();
    let mut answered = 0;
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            record["level"].is_string() && record["timestamp"].is_string(),
            "{line}"
        );
        assert_ne!(record["level"], "ERROR", "{line}");
        assert!(
            !line.contains(['\u{1b}', '\u{9b}', '\u{2028}', '\u{202e}']),
            "{line:?}"
        );
        answered += usize::from(record["message"] == "answered");
    }
    assert!(answered >= 20, "each request is one record: {answered}");
}
