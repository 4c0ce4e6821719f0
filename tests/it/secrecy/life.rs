//! A run that uses every secret there is, and is lied to on the way: what was typed, minted, mailed and made up is noted.

use portcullis::roles::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Pair;
use crate::support::binary::{Installation, Server};
use crate::support::http::{Answer, Caller};
use crate::support::smtp::SmtpSink;

const ADA: &str = "ada@example.org";
const NEW: &str = "ada.new@example.org";
const BOSS: &str = "boss@example.org";
const FIRST: &str = "canary-first lettuce 4711 umbrella";
const SECOND: &str = "canary-second lettuce 4712 umbrella";
const THIRD: &str = "canary-third lettuce 4713 umbrella";
const WRONG: &str = "canary-wrong lettuce 4714 umbrella";

/// Everything secret that was used.
#[derive(Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    pub fn keep(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() > 20, "too short to look for: {secret}");
        // The part of a signed token that proves, and the part of an opaque one.
        if let Some((_, proof)) = secret.rsplit_once(['.', '_'])
            && proof.len() > 20
        {
            self.0.push(proof.to_owned());
        }
        self.0.push(secret);
    }

    /// The password in the address of a server, if there is one.
    pub fn keep_password_of(&mut self, url: &str) {
        let url = url::Url::parse(url).unwrap();
        if let Some(password) = url.password() {
            self.keep(password);
        }
    }

    pub fn all(&self) -> &[String] {
        &self.0
    }

    fn pair(&mut self, answer: &Answer) -> Pair {
        let pair = Pair::of(answer);
        self.keep(&pair.access);
        self.keep(&pair.refresh);
        pair
    }

    fn cookies(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let (name, value) = line.to_str().unwrap().split_once('=').unwrap();
            let value = value.split(';').next().unwrap();
            // The note that somebody may be signed in is no secret.
            if !value.is_empty() && name != "portcullis_signed_in" {
                self.keep(value);
            }
        }
    }
}

/// What a run needs at hand.
struct Life<'a> {
    hub: &'a Caller,
    sink: &'a SmtpSink,
    secrets: &'a mut Secrets,
}

pub async fn live(installation: &Installation, server: &Server, sink: &SmtpSink, secrets: &mut Secrets) {
    for password in [FIRST, SECOND, THIRD, WRONG] {
        secrets.keep(password);
    }
    let hub = &server.caller;
    let mut life = Life { hub, sink, secrets };
    life.begins().await;
    let pair = life.signs_in().await;
    life.opens_sockets(&pair).await;
    life.recovers().await;
    let pair = life.moves().await;
    life.uses_cookies().await;
    life.is_lied_to(&pair).await;
    life.is_managed(installation, server, &pair).await;
}

impl Life<'_> {
    async fn mailed(&mut self, to: &str, page: &str, count: usize) -> String {
        let token = self.sink.token(to, page, count).await;
        self.secrets.keep(&token);
        token
    }

    async fn sign_in(&mut self, email: &str, password: &str) -> Pair {
        let answer = self.hub.try_sign_in(email, password).await.expect(200);
        self.secrets.pair(&answer)
    }

    /// Registration and activation, each link looked at and used twice.
    async fn begins(&mut self) {
        let body = json!({ "email": ADA, "password": FIRST, "name": "Ada" });
        self.hub.post("/api/users", body.clone()).await.expect(202);
        let token = self.mailed(ADA, "activate", 1).await;
        self.hub.get(&format!("/activate/{token}")).await.expect(200);
        let path = format!("/api/auth/activate/{token}");
        self.hub.patch(&path).await.expect(200);
        self.hub.patch(&format!("{path}/")).await.expect(410);
        self.hub.post("/api/users", body).await.expect(202);
    }

    /// Sign-in, refresh, a reused refresh token, and a device that is new.
    async fn signs_in(&mut self) -> Pair {
        self.hub.try_sign_in(ADA, WRONG).await.expect(401);
        self.hub
            .try_sign_in("nobody@example.org", WRONG)
            .await
            .expect(401);
        let first = self.sign_in(ADA, FIRST).await;
        let mut pair = first.clone();
        for _ in 0..3 {
            let answer = self.hub.try_refresh(&pair.refresh).await.expect(200);
            pair = self.secrets.pair(&answer);
            self.hub.get_as(&pair.access, "/api/users/me").await.expect(200);
        }
        self.hub
            .try_refresh(&first.refresh)
            .await
            .problem(401, "refresh_reused");
        let elsewhere = self
            .hub
            .request(Method::POST, "/api/auth")
            .header("user-agent", "curl/8.14.1");
        let answer = Answer::of(elsewhere.json(&json!({ "email": ADA, "password": FIRST })))
            .await
            .expect(200);
        self.secrets.pair(&answer);
        let token = self.mailed(ADA, "device", 1).await;
        self.hub.get(&format!("/device/{token}")).await.expect(200);
        let path = format!("/api/auth/device-revoke/{token}");
        let answer = self.hub.post(&path, json!({})).await;
        assert!(answer.status < 300, "{answer:?}");
        // Whoever says that it was not them is offered another password.
        self.chooses(FIRST, 1).await;
        self.sign_in(ADA, FIRST).await
    }

    async fn opens_sockets(&mut self, pair: &Pair) {
        let ticket = self.hub.socket_token(&pair.access).await;
        self.secrets.keep(&ticket);
        let offered = format!("portcullis.v1, portcullis.token.{ticket}");
        let mut socket = self
            .hub
            .try_connect(self.hub.upgrade_request(&offered))
            .await
            .unwrap();
        socket.frame("ready").await;
        socket.say(json!({ "type": "token", "id": "1" })).await;
        let minted = socket.frame("token").await["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        self.secrets.keep(minted);
        let mut other = self.hub.connect().await;
        other.say(json!({ "type": "hello", "token": ticket })).await;
        assert_eq!(other.closed().await, 4103);
        let mut odd = self.hub.connect().await;
        odd.say_text(&format!("{{\"type\":\"hello\",\"token\":\"{ticket}\" {FIRST}"))
            .await;
        odd.closed().await;
    }

    async fn recovers(&mut self) {
        self.hub
            .post("/api/auth/recovery", json!({ "email": ADA }))
            .await
            .expect(202);
        self.chooses(SECOND, 2).await;
        self.hub.try_sign_in(ADA, FIRST).await.expect(401);
    }

    /// Another password, by the `count`th link for that.
    async fn chooses(&mut self, password: &str, count: usize) {
        let token = self.mailed(ADA, "recovery", count).await;
        self.hub.get(&format!("/recovery/{token}")).await.expect(200);
        let path = format!("/api/auth/recovery/{token}");
        let body = json!({ "password": password });
        self.hub.post(&path, body.clone()).await.expect(204);
        self.hub.post(&path, body).await.expect(410);
    }

    /// Another address, taken back, and another password.
    async fn moves(&mut self) -> Pair {
        let pair = self.sign_in(ADA, SECOND).await;
        let body = json!({ "email": NEW, "password": SECOND });
        self.hub
            .post_as(&pair.access, "/api/users/me/email", body)
            .await
            .expect(202);
        let token = self.mailed(NEW, "email", 1).await;
        self.hub.get(&format!("/email/{token}")).await.expect(200);
        self.hub
            .post(&format!("/api/users/me/email/{token}"), json!({}))
            .await
            .expect(200);
        let undo = self.mailed(ADA, "email-undo", 1).await;
        self.hub.get(&format!("/email-undo/{undo}")).await.expect(200);
        self.hub
            .post(&format!("/api/users/email-undo/{undo}"), json!({}))
            .await
            .expect(200);
        self.chooses(SECOND, 3).await;
        let pair = self.sign_in(ADA, SECOND).await;
        for (current, status) in [(WRONG, 403), (SECOND, 204)] {
            let body = json!({ "current_password": current, "new_password": THIRD });
            let path = "/api/users/me/password";
            self.hub.post_as(&pair.access, path, body).await.expect(status);
        }
        self.hub
            .get_as(&pair.access, "/api/users/me/export")
            .await
            .expect(200);
        self.sign_in(ADA, THIRD).await
    }

    async fn uses_cookies(&mut self) {
        let body = json!({ "email": ADA, "password": THIRD });
        let origin = format!("http://{}", self.hub.address);
        let asked = |path: &str| {
            let request = self.hub.request(Method::POST, path);
            request
                .header("x-portcullis-mode", "cookie")
                .header("origin", origin.clone())
        };
        let answer = Answer::of(asked("/api/auth").json(&body)).await.expect(200);
        let cookies = answer.headers.get_all("set-cookie").iter();
        let cookies: Vec<String> = cookies
            .map(|line| line.to_str().unwrap().split(';').next().unwrap().to_owned())
            .collect();
        let refreshed = asked("/api/auth/refresh")
            .header("cookie", cookies.join("; "))
            .json(&json!({}));
        let refreshed = Answer::of(refreshed).await.expect(200);
        let access = refreshed.json()["access_token"].as_str().unwrap().to_owned();
        self.secrets.keep(access);
        self.secrets.cookies(&answer);
        self.secrets.cookies(&refreshed);
    }

    /// Secrets where none belong, and such as are made up.
    async fn is_lied_to(&mut self, pair: &Pair) {
        let hub = self.hub;
        let query = url::form_urlencoded::byte_serialize(THIRD.as_bytes()).collect::<String>();
        for path in [
            format!("/api/users/me?access_token={}", pair.access),
            format!("/api/auth?password={query}"),
            format!("/{}", pair.refresh),
            format!("/api/users/{}/sessions", pair.refresh),
        ] {
            let answer = hub.get(&path).await;
            assert!(answer.status >= 400, "{path}: {}", answer.status);
        }
        let (head, _) = pair.access.rsplit_once('.').unwrap();
        let forged = format!("{head}.{}", "canary0123456789".repeat(5));
        self.secrets.keep(&forged);
        hub.get_as(&forged, "/api/users/me").await.expect(401);
        let basic = hub
            .request(Method::GET, "/api/users/me")
            .basic_auth(ADA, Some(THIRD));
        Answer::of(basic).await.expect(401);
        let service = "pck_0190a000-0000-7000-8000-000000000000_canary0123456789canary0123456789";
        self.secrets.keep(service);
        hub.get_as(service, "/api/users").await.expect(401);
        for body in [
            format!("{{\"email\":\"{ADA}\",\"password\":\"{THIRD}\""),
            format!("{{\"email\":\"{ADA}\",\"password\":\"{THIRD}\",\"x\":\"{WRONG}\"}}"),
            format!("{{\"email\":\"{ADA}\",\"password\":[\"{THIRD}\"]}}"),
            format!("{{\"email\":\"{THIRD}\",\"password\":\"{THIRD}\"}}"),
            format!("{{\"email\":\"{ADA}\",\"password\":\"{}\"}}", THIRD.repeat(40)),
            format!("\"{THIRD}\""),
            THIRD.to_owned(),
        ] {
            let request = hub
                .request(Method::POST, "/api/auth")
                .header("content-type", "application/json");
            let answer = Answer::of(request.body(body)).await;
            assert!((400..500).contains(&answer.status), "{answer:?}");
            assert!(!answer.text().contains("canary"), "{}", answer.text());
        }
        // Too long: refused before it was sent to its end.
        let body = THIRD.repeat(1_000);
        let head = "POST /api/auth HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n";
        let long = hub
            .raw(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))
            .await;
        assert!([0, 413].contains(&long.status), "{long:?}");
        let weak = json!({ "email": "x@example.org", "password": "canary canary canary" });
        hub.post("/api/users", weak).await;
        for token in [&pair.refresh, &forged] {
            hub.form("/api/auth/revoke", None, &[("token", token), ("token", token)])
                .await;
        }
        hub.call(
            "PATCH",
            &format!("/api/auth/activate/{}", pair.refresh),
            None,
            None,
        )
        .await
        .expect(410);
    }

    /// The first admin, service keys of both makes, introspection, and the ends of sessions.
    async fn is_managed(&mut self, installation: &Installation, server: &Server, pair: &Pair) {
        let setup = server.setup_token().await;
        self.secrets.keep(&setup);
        self.hub.get(&format!("/setup/{setup}")).await.expect(200);
        let boss = json!({ "email": BOSS, "password": SECOND });
        self.hub
            .post(&format!("/api/setup/{setup}"), boss)
            .await
            .expect(201);
        let boss = self.sign_in(BOSS, SECOND).await;
        let scopes = [Permission::Introspect, Permission::SessionsRevoke].map(Permission::as_str);
        let made = json!({ "name": "a backend", "scopes": scopes });
        let made = self
            .hub
            .post_as(&boss.access, "/api/service_keys", made)
            .await
            .expect(201)
            .json();
        let key = made["secret"].as_str().unwrap().to_owned();
        self.secrets.keep(&key);
        let printed = installation
            .ask(&["key", "create", "--name", "cli", "--scopes", "users:read"])
            .await;
        let other = printed.trim_end().lines().last().unwrap().to_owned();
        self.hub.get_as(&other, "/api/users").await.expect(200);
        self.secrets.keep(&other);
        let arguments = [
            "user",
            "create",
            "--email",
            "bob@example.org",
            "--active",
            "--password-stdin",
        ];
        installation.ask_with(&arguments, &format!("{FIRST}\n")).await;
        self.sign_in("bob@example.org", FIRST).await;

        let introspect = |token: String| {
            let (hub, key) = (self.hub.clone(), key.clone());
            async move {
                let answer = hub
                    .form("/api/auth/introspect", Some(&key), &[("token", &token)])
                    .await;
                answer.expect(200).json()["active"].clone()
            }
        };
        assert_eq!(introspect(pair.access.clone()).await, Value::Bool(true));
        assert_eq!(introspect(WRONG.to_owned()).await, Value::Bool(false));
        let order = json!({ "session_id": pair.session, "reason": "a test" });
        self.hub
            .post_as(&key, "/api/revocations", order)
            .await
            .expect(200);
        assert_eq!(introspect(pair.access.clone()).await, Value::Bool(false));
        self.hub.try_refresh(&pair.refresh).await.expect(401);
        self.hub
            .form("/api/auth/revoke", None, &[("token", &boss.refresh)])
            .await
            .expect(200);
        let logout = json!({ "refresh_token": boss.refresh });
        self.hub.post("/api/auth/logout", logout).await.expect(204);
    }
}
