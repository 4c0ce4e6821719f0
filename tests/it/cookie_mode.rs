//! Cookie mode: a browser's refresh token is in a cookie that no script reads and no other site uses.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::people::PASSWORD;

mod cross_site;
mod endings;
mod refresh;
mod trusted_browser;

const ADA: &str = "ada@example.org";
const OURS: &str = "https://app.example.org";
const NAME: &str = "__Secure-portcullis_refresh";
const TRUSTED: &str = "__Secure-portcullis_browser";
const HINT: &str = "__Secure-portcullis_signed_in";

/// A hub behind TLS, called by the pages of another origin of the same site.
fn tuning() -> Tuning {
    Tuning::new().configure(|config| {
        config.public_url = Some("https://auth.example.org".parse().unwrap());
        config.http.allowed_origins = Some(vec![OURS.into()]);
    })
}

fn limited() -> Tuning {
    tuning().configure(|config| config.limits.enabled = true)
}

/// What a browser would do: keeps the cookies, sends the header, the origin and JSON.
struct Browser<'a> {
    hub: &'a TestApp,
    cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    fn new(hub: &'a TestApp) -> Self {
        Self {
            hub,
            cookies: Vec::new(),
        }
    }

    /// A second tab: the same cookies as of now.
    fn tab(&self) -> Self {
        Self {
            hub: self.hub,
            cookies: self.cookies.clone(),
        }
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        let found = self.cookies.iter().find(|(held, _)| held == name);
        found.map(|(_, value)| value.as_str())
    }

    fn header(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    async fn send(&self, path: &str, bearer: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = self
            .hub
            .request(Method::POST, path)
            .header("x-portcullis-mode", "cookie")
            .header("origin", OURS)
            .header("content-type", "application/json")
            .header("cookie", self.header());
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        Answer::of(request).await
    }

    async fn post(&mut self, path: &str, body: Option<Value>) -> Answer {
        let answer = self.send(path, None, body).await;
        for (name, value, _) in set_cookies(&answer) {
            self.cookies.retain(|(held, _)| *held != name);
            if !value.is_empty() {
                self.cookies.push((name, value));
            }
        }
        answer
    }

    async fn sign_in(&mut self, email: &str) -> Answer {
        let body = json!({ "email": email, "password": PASSWORD });
        self.post("/api/auth", Some(body)).await
    }

    async fn refresh(&mut self) -> Answer {
        self.post("/api/auth/refresh", None).await
    }
}

/// Name, value and attributes of each cookie that an answer sets.
fn set_cookies(answer: &Answer) -> Vec<(String, String, String)> {
    let lines = answer.headers.get_all("set-cookie").iter();
    lines
        .map(|line| {
            let (cookie, attributes) = line.to_str().unwrap().split_once("; ").unwrap();
            let (name, value) = cookie.split_once('=').unwrap();
            (name.to_owned(), value.to_owned(), attributes.to_owned())
        })
        .collect()
}

/// Whether the answer takes the refresh token from the browser, exactly as it was given, and the note that it is there.
#[track_caller]
fn empties(answer: &Answer) -> bool {
    match set_cookies(answer).as_slice() {
        [] => false,
        [token, hint] => {
            for ((name, value, attributes), (gone, path)) in
                [(token, (NAME, "/api/auth")), (hint, (HINT, "/"))]
            {
                assert_eq!((name.as_str(), value.as_str()), (gone, ""));
                let expected = format!("HttpOnly; SameSite=Lax; Secure; Path={path}; Max-Age=0");
                assert_eq!(*attributes, expected);
            }
            true
        }
        more => panic!("{more:?}"),
    }
}

async fn live(hub: &TestApp) -> i64 {
    hub.number("select count(*) from sessions where revoked_at is null")
        .await
}

#[tokio::test]
async fn the_refresh_token_is_in_the_cookie_alone() {
    let hub = tuning().spawn().await;
    hub.person(ADA, "user").await;
    let mut browser = Browser::new(&hub);
    let signed_in = browser.sign_in(ADA).await.expect(200);
    let first = browser.cookie(NAME).unwrap().to_owned();
    let refreshed = browser.refresh().await.expect(200);
    let second = browser.cookie(NAME).unwrap().to_owned();
    assert_ne!(first, second);
    for (answer, token) in [(&signed_in, &first), (&refreshed, &second)] {
        let (name, value, attributes) = set_cookies(answer).remove(0);
        assert_eq!(name, NAME);
        assert!(value.starts_with("pcr_") && value == *token);
        let body = answer.json();
        let life = &body["refresh_expires_in"];
        assert_eq!(
            attributes,
            format!("HttpOnly; SameSite=Lax; Secure; Path=/api/auth; Max-Age={life}")
        );
        assert!(body.get("refresh_token").is_none(), "{body}");
        assert!(!answer.text().contains("pcr_") && !answer.text().contains("pcb_"));
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("access-control-allow-origin"), Some(OURS));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    }
    let access = refreshed.json()["access_token"].as_str().unwrap().to_owned();
    hub.get_as(&access, "/api/users/me").await.expect(200);
    // The same token is good in a body, too: it is one session whichever way it travels.
    hub.try_refresh(&second).await.expect(200);
}

#[tokio::test]
async fn on_loopback_without_tls_the_cookie_has_no_prefix_and_no_secure() {
    let hub = TestApp::spawn().await;
    hub.person(ADA, "user").await;
    let request = hub
        .request(Method::POST, "/api/auth")
        .header("x-portcullis-mode", "cookie")
        .header("origin", format!("http://{}", hub.address));
    let body = json!({ "email": ADA, "password": PASSWORD });
    let answer = Answer::of(request.json(&body)).await.expect(200);
    let names: Vec<_> = set_cookies(&answer).into_iter().map(|it| it.0).collect();
    let (hint, secret) = (
        "portcullis_signed_in",
        ["portcullis_refresh", "portcullis_browser"],
    );
    assert_eq!(names, [secret[0], hint, secret[1]]);
    for (name, _, attributes) in set_cookies(&answer) {
        let path = if name == hint { "/" } else { "/api/auth" };
        let expected = format!("HttpOnly; SameSite=Lax; Path={path}; Max-Age=");
        assert!(attributes.starts_with(&expected), "{name}: {attributes}");
    }
}

#[tokio::test]
async fn without_the_header_the_cookie_is_ignored_and_nothing_is_set() {
    let hub = tuning().spawn().await;
    hub.person(ADA, "user").await;
    let mut browser = Browser::new(&hub);
    browser.sign_in(ADA).await.expect(200);
    let send = |path: &str, body: Value| {
        let request = hub.request(Method::POST, path).header("origin", OURS);
        Answer::of(request.header("cookie", browser.header()).json(&body))
    };
    let refused = send("/api/auth/refresh", json!({})).await;
    let problem = refused.problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["field"], "refresh_token");
    let refused = send("/api/auth/logout", json!({})).await;
    refused.problem(401, "authentication_required");
    let pair = send("/api/auth", json!({ "email": ADA, "password": PASSWORD }));
    let pair = pair.await.expect(200);
    assert!(pair.json()["refresh_token"].as_str().unwrap().starts_with("pcr_"));
    for answer in [refused, pair] {
        assert!(set_cookies(&answer).is_empty());
    }
    assert_eq!(live(&hub).await, 2, "nobody was signed out");
    browser.refresh().await.expect(200);
}

#[tokio::test]
async fn a_token_in_the_body_or_another_mode_is_refused_and_changes_nothing() {
    let hub = tuning().spawn().await;
    hub.person(ADA, "user").await;
    let mut browser = Browser::new(&hub);
    browser.sign_in(ADA).await.expect(200);
    let token = browser.cookie(NAME).unwrap();
    for path in ["/api/auth/refresh", "/api/auth/logout"] {
        for body in [json!({ "refresh_token": token }), json!({ "refresh_token": 1 })] {
            let answer = browser.send(path, None, Some(body)).await;
            let problem = answer.problem(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], "refresh_token", "{path}");
            assert!(set_cookies(&answer).is_empty());
        }
    }
    for modes in [vec!["body"], vec!["Cookie"], vec![""], vec!["cookie", "cookie"]] {
        for path in ["/api/auth", "/api/auth/refresh", "/api/auth/logout"] {
            let mut request = hub.request(Method::POST, path).header("origin", OURS);
            for mode in &modes {
                request = request.header("x-portcullis-mode", *mode);
            }
            let body = json!({ "email": ADA, "password": PASSWORD });
            let answer = Answer::of(request.header("cookie", browser.header()).json(&body)).await;
            let problem = answer.problem(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], "X-Portcullis-Mode", "{modes:?}");
        }
    }
    assert_eq!(live(&hub).await, 1);
    browser.refresh().await.expect(200);
}
