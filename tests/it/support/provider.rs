//! Providers to sign in with: the programs of `tests/oidc_provider`, told what to do wrong, and a browser that
//! goes from the hub to them and back, by hand.

use std::process::Stdio;

use data_encoding::BASE64URL_NOPAD;
use portcullis::config::{Config, Provider};
use portcullis::secret::TokenHash;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::Url;

use super::http::{Answer, Caller};
use super::source::root;

/// What every provider here calls the hub.
pub const CLIENT_ID: &str = "hub";
const CLIENT_SECRET: &str = "what the provider gave to the hub";
/// Where the frontend of these tests lives.
pub const FRONTEND: &str = "https://app.example.org/welcome?from=hub";

/// A provider; it ends with the test.
#[derive(Debug)]
pub struct ProviderServer {
    pub address: String,
    process: Child,
    client: reqwest::Client,
}

impl ProviderServer {
    /// Starts `program` (`provider`, `wrong_provider`, `github`, `yandex`) with `options` of its own.
    pub async fn start(program: &str, options: Value) -> Self {
        let mut all = json!({ "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET });
        for (name, value) in options.as_object().unwrap() {
            all[name] = value.clone();
        }
        let mut process = Command::new(root().join("scripts/with-node"))
            .args([
                "tests/oidc_provider",
                "node",
                &format!("{program}.mjs"),
                &all.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap();
        let first: Value = serde_json::from_str(&first.expect("it starts; stderr says why not")).unwrap();
        Self {
            address: first["address"].as_str().unwrap().to_owned(),
            process,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// One that does nothing wrong until it is told to, and knows Ada.
    pub async fn of_ada() -> Self {
        Self::start("wrong_provider", json!({ "account": ada() })).await
    }

    /// Does `mode` wrong from now on; nothing for null.
    pub async fn misbehave(&self, mode: impl Into<Value>) {
        self.tell("misbehave", json!({ "mode": mode.into() })).await;
    }

    /// Does `mode` wrong at one endpoint.
    pub async fn misbehave_at(&self, mode: &str, at: &str) {
        self.tell("misbehave", json!({ "mode": mode, "at": at })).await;
    }

    /// Replaces options.
    pub async fn configure(&self, options: Value) {
        self.tell("configure", options).await;
    }

    async fn tell(&self, what: &str, body: Value) {
        let request = self.client.post(format!("{}/__{what}", self.address)).json(&body);
        Answer::of(request).await.expect(200);
    }

    /// Every request so far.
    pub async fn seen(&self) -> Vec<Value> {
        let request = self.client.get(format!("{}/__seen", self.address));
        let seen = Answer::of(request).await.expect(200).json();
        seen["requests"].as_array().unwrap().clone()
    }

    /// How often `path` was asked for.
    pub async fn count(&self, path: &str) -> usize {
        let seen = self.seen().await;
        seen.iter().filter(|request| request["path"] == path).count()
    }

    /// Goes through the forms of `provider.mjs`, beginning `away`; gives where it sends the browser back to.
    pub async fn sign_in_by_hand(&self, away: Url, sub: &str, answer: &str) -> Url {
        let client = reqwest::Client::builder().no_proxy();
        let client = client
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let mut cookies: Vec<String> = Vec::new();
        let mut forms = [("sub", sub), ("answer", answer)].into_iter();
        let mut at = away;
        loop {
            let with = |request: reqwest::RequestBuilder| request.header("Cookie", cookies.join("; "));
            let mut got = Answer::of(with(client.get(at.clone()))).await;
            if got.status == 200 {
                let (name, value) = forms.next().expect("two forms");
                let form = format!("{name}={value}");
                let post = client.post(at.clone()).body(form);
                let post = post.header("Content-Type", "application/x-www-form-urlencoded");
                got = Answer::of(with(post)).await;
            }
            for line in got.headers.get_all("set-cookie") {
                let pair = line.to_str().unwrap().split(';').next().unwrap();
                let name = pair.split('=').next().unwrap();
                cookies.retain(|known| !known.starts_with(&format!("{name}=")));
                cookies.push(pair.to_owned());
            }
            at = at.join(got.header("location").unwrap()).unwrap();
            if !at.as_str().starts_with(&self.address) {
                return at;
            }
        }
    }

    /// It goes away.
    pub async fn stop(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// The same for a hub that is a process of its own; `id` in capital letters.
    pub fn variables(&self, id: &str) -> [(String, String); 4] {
        let of = |name: &str, value: &str| (format!("PORTCULLIS_OAUTH__{name}"), value.to_owned());
        [
            of("REDIRECTS", FRONTEND),
            of(&format!("{id}__ISSUER"), &self.address),
            of(&format!("{id}__CLIENT_ID"), CLIENT_ID),
            of(&format!("{id}__CLIENT_SECRET"), CLIENT_SECRET),
        ]
    }

    /// Makes it the hub's provider `id`, and the frontend of these tests known.
    pub fn configured_as(&self, id: &'static str) -> impl FnOnce(&mut Config) + Send + use<> {
        let provider = provider(id, &self.address);
        move |config| {
            config.oauth.redirects = Some(vec![FRONTEND.to_owned()]);
            config.oauth.providers.push(provider);
        }
    }
}

/// A person as an OpenID provider knows her.
pub fn ada() -> Value {
    json!({
        "sub": "ada-at-the-provider",
        "email": "ada@example.org",
        "email_verified": true,
        "name": "Ada Lovelace",
        "picture": "https://images.example.org/ada.png",
    })
}

/// The configuration of a provider at `address`, after what its id is built in as.
fn provider(id: &str, address: &str) -> Provider {
    let at = |path: &str| Some(Url::parse(&format!("{address}{path}")).unwrap());
    let bare = Provider {
        id: id.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: Some(CLIENT_SECRET.to_owned().into()),
        issuer: None,
        scopes: None,
        trust_email: None,
        name: None,
        authorization_url: None,
        token_url: None,
        userinfo_url: None,
        emails_url: None,
        jwks_url: None,
        allow_private: false,
    };
    match id {
        "github" => Provider {
            authorization_url: at("/login/oauth/authorize"),
            token_url: at("/login/oauth/access_token"),
            userinfo_url: at("/user"),
            emails_url: at("/user/emails"),
            ..bare
        },
        "yandex" => Provider {
            authorization_url: at("/authorize"),
            token_url: at("/token"),
            userinfo_url: at("/info?format=json"),
            ..bare
        },
        _ => Provider {
            issuer: Some(address.to_owned()),
            ..bare
        },
    }
}

/// The proof key of one sign-in (RFC 7636).
#[derive(Clone, Debug)]
pub struct ProofKey {
    pub verifier: String,
    pub challenge: String,
}

impl ProofKey {
    pub fn of(verifier: &str) -> Self {
        let hash = TokenHash::of(verifier.as_bytes());
        Self {
            verifier: verifier.to_owned(),
            challenge: BASE64URL_NOPAD.encode(hash.bytes()),
        }
    }
}

/// A browser: it keeps cookies, and goes one step at a time.
#[derive(Clone, Debug)]
pub struct Browser {
    pub hub: Caller,
    pub cookies: Vec<(String, String)>,
    pub key: ProofKey,
}

impl Browser {
    pub fn at(hub: &Caller) -> Self {
        Self {
            hub: hub.clone(),
            cookies: Vec::new(),
            key: ProofKey::of("a verifier that nobody else knows, of 43 and more"),
        }
    }

    /// Asks the hub for `path`, with cookies.
    pub async fn get(&mut self, path: &str) -> Answer {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = self.hub.request(Method::GET, path);
        if !cookies.is_empty() {
            request = request.header("Cookie", cookies.join("; "));
        }
        let answer = Answer::of(request).await;
        for line in answer.headers.get_all("set-cookie") {
            let (pair, rest) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !rest.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    /// The path at which a sign-in begins.
    pub fn start_path(&self, provider: &str, redirect_to: &str) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("redirect_to", redirect_to)
            .append_pair("code_challenge", &self.key.challenge)
            .finish();
        format!("/api/auth/oauth/{provider}/start?{query}")
    }

    /// Begins; gives where the hub sends the browser.
    pub async fn start(&mut self, provider: &str) -> Url {
        let path = self.start_path(provider, FRONTEND);
        let answer = self.get(&path).await.expect(302);
        location(&answer)
    }

    /// At the provider, which sends the browser back at once; gives the address.
    pub async fn visit(&self, address: &Url) -> Url {
        let request = self.hub.client.get(address.clone());
        location(&Answer::of(request).await)
    }

    /// Comes back to the hub.
    pub async fn come_back(&mut self, address: &Url) -> Answer {
        let path = &address[url::Position::BeforePath..];
        self.get(path).await
    }

    /// From the beginning until the frontend has its answer: `code` or `error`.
    pub async fn go_through(&mut self, provider: &str) -> (String, String) {
        let away = self.start(provider).await;
        if away.as_str().starts_with("https://app.example.org/") {
            return outcome(&away);
        }
        let back = self.visit(&away).await;
        let answer = self.come_back(&back).await.expect(302);
        outcome(&location(&answer))
    }

    /// As [`go_through`](Self::go_through), which must give a code.
    pub async fn code(&mut self, provider: &str) -> String {
        let (name, value) = self.go_through(provider).await;
        assert_eq!(name, "code", "{value}");
        value
    }

    /// As [`go_through`](Self::go_through), which must give an error.
    pub async fn refusal(&mut self, provider: &str) -> String {
        self.refusal_for(provider, "").await
    }

    /// As [`refusal`](Self::refusal); `why` is what the provider does wrong.
    pub async fn refusal_for(&mut self, provider: &str, why: &str) -> String {
        let (name, value) = self.go_through(provider).await;
        assert_eq!(name, "error", "nothing was refused: {why}");
        value
    }

    /// Exchanges the code.
    pub async fn exchange(&self, code: &str) -> Answer {
        let body = json!({ "code": code, "code_verifier": self.key.verifier });
        self.hub.post("/api/auth/oauth/exchange", body).await
    }

    /// Exchanges the code for somebody who is signed in.
    pub async fn exchange_as(&self, bearer: &str, code: &str) -> Answer {
        let body = json!({ "code": code, "code_verifier": self.key.verifier });
        self.hub.post_as(bearer, "/api/auth/oauth/exchange", body).await
    }

    /// All of it.
    pub async fn sign_in(&mut self, provider: &str) -> super::Pair {
        let code = self.code(provider).await;
        super::Pair::of(&self.exchange(&code).await.expect(200))
    }

    /// Asks for an address at which a link begins.
    pub async fn ask_to_link(&self, bearer: &str, provider: &str) -> Answer {
        let body = json!({ "redirect_to": FRONTEND, "code_challenge": self.key.challenge });
        let path = format!("/api/users/me/identities/{provider}");
        self.hub.post_as(bearer, &path, body).await
    }

    /// Goes through the provider to link an identity; gives the code.
    pub async fn link_code(&mut self, bearer: &str, provider: &str) -> String {
        let (name, value) = self.link_through(bearer, provider).await;
        assert_eq!(name, "code", "{value}");
        value
    }

    /// Links an identity; gives it.
    pub async fn link(&mut self, bearer: &str, provider: &str) -> Value {
        let code = self.link_code(bearer, provider).await;
        self.exchange_as(bearer, &code).await.expect(200).json()["identity"].clone()
    }

    /// As [`go_through`](Self::go_through), to link an identity.
    pub async fn link_through(&mut self, bearer: &str, provider: &str) -> (String, String) {
        let url = self.ask_to_link(bearer, provider).await.expect(200).json()["url"].clone();
        let url = Url::parse(url.as_str().unwrap()).unwrap();
        let away = location(&self.come_back(&url).await.expect(302));
        let back = self.visit(&away).await;
        let answer = self.come_back(&back).await.expect(302);
        outcome(&location(&answer))
    }
}

/// Where an answer sends a browser.
pub fn location(answer: &Answer) -> Url {
    assert!((300..400).contains(&answer.status), "{answer:?}");
    Url::parse(answer.header("location").unwrap()).unwrap()
}

/// What the frontend hears: its own address, and one parameter more.
pub fn outcome(address: &Url) -> (String, String) {
    let (rest, last) = address.as_str().rsplit_once('&').unwrap();
    assert_eq!(rest, FRONTEND);
    let (name, value) = last.split_once('=').unwrap();
    assert!(matches!(name, "code" | "error"), "{address}");
    (name.to_owned(), value.to_owned())
}
