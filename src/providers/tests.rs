//! A whole sign-in with each kind of provider, as far as it is the adapter's: what goes out, and what is made of what
//! comes back.

mod openid;
pub(super) mod server;

use serde_json::json;

use self::server::{Server, answer, json as answer_json};
use super::*;
use crate::clock::{ManualClock, Timestamp};

pub(super) const CLIENT: &str = "hub";
const SECRET: &str = "s3cret &%";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const NOW: i64 = 1_700_000_000;

/// The section of `id` with what every provider needs.
pub(super) fn configured(id: &str) -> config::Provider {
    config::Provider {
        id: id.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(SECRET.to_owned().into()),
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
    }
}

fn provider(config: &config::Provider) -> Provider {
    let hands = ManualClock::starting_at(Timestamp::from_micros(NOW * 1_000_000));
    Provider::new(config, &Clock::Manual(hands)).unwrap()
}

/// What the halves of a sign-in share.
struct Shared {
    state: PlainToken,
    nonce: PlainToken,
    verifier: PlainToken,
    callback: Url,
}

impl Shared {
    fn new() -> Self {
        Self {
            state: PlainToken::presented("the-state"),
            nonce: PlainToken::presented("the-nonce"),
            verifier: PlainToken::presented(VERIFIER),
            callback: "https://auth.example.org/api/auth/oauth/x/callback"
                .parse()
                .unwrap(),
        }
    }

    fn way(&self) -> Way<'_> {
        Way {
            state: &self.state,
            nonce: &self.nonce,
            verifier: &self.verifier,
            callback: &self.callback,
        }
    }
}

async fn identify(provider: &Provider) -> Result<Profile, Error> {
    provider
        .identify(&PlainToken::presented("the-code"), &Shared::new().way())
        .await
}

/// GitHub or Yandex, with its addresses on `server`.
fn elsewhere(id: &str, server: &Server) -> config::Provider {
    config::Provider {
        authorization_url: Some(server.url("/authorize")),
        token_url: Some(server.url("/token")),
        userinfo_url: Some(server.url("/user")),
        emails_url: (id == "github").then(|| server.url("/emails")),
        ..configured(id)
    }
}

#[tokio::test]
async fn the_browser_is_sent_out_with_state_challenge_and_scopes() {
    for (id, endpoint, scope) in [
        (
            "github",
            "https://github.com/login/oauth/authorize",
            "read:user user:email",
        ),
        (
            "yandex",
            "https://oauth.yandex.com/authorize",
            "login:email login:info login:avatar",
        ),
        (
            "company",
            "https://login.example.org/authorize",
            "openid email profile",
        ),
    ] {
        let mut config = configured(id);
        if id == "company" {
            config.issuer = Some("https://login.example.org".to_owned());
            config.authorization_url = Some(endpoint.parse().unwrap());
            config.token_url = Some("https://login.example.org/token".parse().unwrap());
            config.jwks_url = Some("https://login.example.org/keys".parse().unwrap());
        }
        let url = provider(&config)
            .authorization_url(&Shared::new().way())
            .await
            .unwrap();
        assert!(url.as_str().starts_with(&format!("{endpoint}?")), "{url}");
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        pairs.sort();
        let mut expected = vec![
            ("client_id", CLIENT),
            // The example of RFC 7636, appendix B.
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
            (
                "redirect_uri",
                "https://auth.example.org/api/auth/oauth/x/callback",
            ),
            ("response_type", "code"),
            ("scope", scope),
            ("state", "the-state"),
        ];
        if id == "company" {
            expected.insert(3, ("nonce", "the-nonce"));
        }
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, expected);
    }
}

#[tokio::test]
async fn github_tells_the_primary_address_and_whether_it_was_verified() {
    for (primary_verified, trust, verified) in [
        (true, None, true),
        (false, None, false),
        (true, Some(false), false),
    ] {
        let server = Server::answering(move |_, request| match request.split(' ').nth(1).unwrap() {
            "/token" => answer_json(
                &json!({ "access_token": "gho_1", "token_type": "bearer", "scope": "read:user,user:email" }),
            ),
            "/user" => answer_json(&json!({
                "id": 583_231, "login": "ada", "name": null, "email": "public@example.org",
                "avatar_url": "https://avatars.githubusercontent.com/u/583231?v=4",
            })),
            _ => answer_json(&json!([
                { "email": "other@example.org", "primary": false, "verified": true, "visibility": null },
                { "email": "ada@example.org", "primary": true, "verified": primary_verified, "visibility": "private" },
            ])),
        });
        let config = config::Provider {
            trust_email: trust,
            ..elsewhere("github", &server)
        };
        let profile = identify(&provider(&config)).await.unwrap();
        assert_eq!(profile.subject, "583231");
        assert_eq!(profile.email.unwrap().as_str(), "ada@example.org");
        assert_eq!(profile.email_verified, verified);
        assert_eq!(profile.name.as_deref(), Some("ada"));
        let seen = server.seen();
        for part in [
            "code=the-code",
            "client_id=hub",
            "client_secret=s3cret",
            "grant_type=authorization_code",
            VERIFIER,
        ] {
            assert!(seen[0].contains(part), "{part}: {}", seen[0]);
        }
        assert!(
            seen[1..]
                .iter()
                .all(|request| request.contains("authorization: Bearer gho_1\r\n"))
        );
    }
}

#[tokio::test]
async fn t16_an_address_at_yandex_is_verified_when_the_operator_says_so() {
    for (trust, verified) in [(None, false), (Some(false), false), (Some(true), true)] {
        let server = Server::answering(|_, request| match request.split(' ').nth(1).unwrap() {
            "/token" => answer_json(
                &json!({ "access_token": "y1", "token_type": "bearer", "expires_in": 1, "refresh_token": "r" }),
            ),
            _ => answer_json(&json!({
                "id": "1000034426", "login": "ada", "client_id": CLIENT, "default_email": "ada@yandex.ru", "real_name": "Ada Lovelace",
                "default_avatar_id": "131652443/abc", "is_avatar_empty": false, "psuid": "1.a.b",
            })),
        });
        let config = config::Provider {
            trust_email: trust,
            ..elsewhere("yandex", &server)
        };
        let profile = identify(&provider(&config)).await.unwrap();
        assert_eq!(
            (profile.subject.as_str(), profile.email_verified),
            ("1000034426", verified)
        );
        assert_eq!(profile.name.as_deref(), Some("Ada Lovelace"));
        let avatar = "https://avatars.yandex.net/get-yapic/131652443/abc/islands-200";
        assert_eq!(profile.avatar_url.as_deref(), Some(avatar));
        assert!(server.seen()[1].contains("authorization: OAuth y1\r\n"));
    }
}

#[tokio::test]
async fn t17_a_token_of_another_client_is_refused() {
    let server = Server::answering(|_, request| match request.split(' ').nth(1).unwrap() {
        "/token" => answer_json(&json!({ "access_token": "y1", "token_type": "bearer" })),
        _ => answer_json(&json!({ "id": "1", "client_id": "another" })),
    });
    let found = identify(&provider(&elsewhere("yandex", &server))).await;
    assert!(matches!(found, Err(Error::Refused(_))), "{found:?}");
}

#[tokio::test]
async fn t17_a_code_that_is_not_exchanged_is_refused_and_an_outage_is_not() {
    let canary = "canary-canary";
    let told = json!({ "error": "bad_verification_code", "error_description": canary });
    let wrong = json!({ "error": canary.repeat(9) });
    let spoken = json!({ "error": "canary is no code" });
    for (answer, expected) in [
        (
            answer_json(&told),
            Error::Refused("it exchanges the code for `bad_verification_code`".to_owned()),
        ),
        (
            answer(400, &told.to_string()),
            Error::Refused("it exchanges the code for `bad_verification_code`".to_owned()),
        ),
        (
            answer_json(&wrong),
            Error::Refused("it does not exchange the code for tokens".to_owned()),
        ),
        (
            answer(400, &spoken.to_string()),
            Error::Refused("it does not exchange the code for tokens".to_owned()),
        ),
        (
            answer(401, ""),
            Error::Refused("it does not exchange the code for tokens".to_owned()),
        ),
        (
            answer_json(&json!({ "access_token": [canary] })),
            Error::Refused("it does not exchange the code for tokens".to_owned()),
        ),
        (
            answer(502, canary),
            Error::Unavailable("{base}/token answers 502".to_owned()),
        ),
        (
            answer(200, "<html>"),
            Error::Unavailable("{base}/token does not answer with JSON".to_owned()),
        ),
    ] {
        let server = Server::answering(move |_, _| answer.clone());
        let found = identify(&provider(&elsewhere("github", &server)))
            .await
            .unwrap_err();
        let text = format!("{found:?}").replace(server.base(), "{base}");
        assert_eq!(text, format!("{expected:?}"));
    }
}

#[tokio::test]
async fn t17_a_provider_without_an_issuer_is_told_by_its_site() {
    let github = provider(&configured("github"));
    for (iss, good) in [
        (None, true),
        (Some("https://github.com/login/oauth"), true),
        (Some("https://login.example.org"), false),
        (Some("https://github.com.evil.example"), false),
        (Some(""), false),
    ] {
        assert_eq!(github.check_issuer(iss).await.is_ok(), good, "{iss:?}");
    }
}

#[test]
fn providers_are_found_by_id_and_show_no_secret() {
    let company = config::Provider {
        name: Some("Example Company".to_owned()),
        issuer: Some("https://x.example".to_owned()),
        ..configured("company")
    };
    let config = config::OAuth {
        redirects: None,
        providers: vec![
            configured("google"),
            configured("yandex"),
            configured("github"),
            company,
        ],
    };
    let providers = Providers::new(&config, &Clock::System).unwrap();
    let names: Vec<&str> = providers.all().iter().map(Provider::name).collect();
    assert_eq!(names, ["Google", "Yandex", "GitHub", "Example Company"]);
    assert_eq!(providers.find("github").unwrap().id(), "github");
    assert!(providers.find("GitHub").is_none());
    assert!(!format!("{providers:?}").contains(SECRET));
    let nameless = config::OAuth {
        redirects: None,
        providers: vec![configured("company")],
    };
    assert_eq!(
        Providers::new(&nameless, &Clock::System).unwrap_err().key,
        "oauth.company"
    );
}

#[tokio::test]
async fn a_probe_says_what_is_wrong() {
    let server = Server::answering(|_, request| match request.split(' ').nth(1).unwrap() {
        "/authorize" => answer(404, ""),
        _ => answer(500, ""),
    });
    let found = provider(&elsewhere("github", &server)).probe().await;
    let problem = format!("{}/token answers 500", server.base());
    assert_eq!(found, Err(Error::Unavailable(problem)));
}
