//! Which providers are read, and what is said of wrong ones.

use secrecy::ExposeSecret as _;

use super::super::{Config, ConfigErrors, Environment, Loaded, Source};
use super::*;

fn load(variables: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    Config::from_sources(None, &Environment::of(variables.iter().copied()))
}

/// A provider without a fault, so that each test can spoil one thing.
const COMPANY: &[(&str, &str)] = &[
    ("PORTCULLIS_OAUTH__COMPANY__CLIENT_ID", "hub"),
    ("PORTCULLIS_OAUTH__COMPANY__ISSUER", "https://login.example.org"),
];

fn company(changed: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let unchanged = |(name, _): &&(&str, &str)| changed.iter().all(|(other, _)| other != name);
    COMPANY.iter().filter(unchanged).chain(changed).copied().collect()
}

#[test]
fn providers_have_ids_of_the_operators_choice_and_known_ones_come_first() {
    let loaded = load(&[
        ("PORTCULLIS_OAUTH__ZED__CLIENT_ID", "z"),
        ("PORTCULLIS_OAUTH__ZED__ISSUER", "https://z.example/"),
        ("PORTCULLIS_OAUTH__A_1__B__CLIENT_ID", "a"),
        ("PORTCULLIS_OAUTH__A_1__B__ISSUER", "http://127.0.0.1:9000/realm"),
        ("PORTCULLIS_OAUTH__A_1__B__TRUST_EMAIL", "false"),
        ("PORTCULLIS_OAUTH__A_1__B__ALLOW_PRIVATE", "true"),
        ("PORTCULLIS_OAUTH__A_1__B__SCOPES", "openid, email"),
        ("PORTCULLIS_OAUTH__GITHUB__CLIENT_ID", "g"),
        ("PORTCULLIS_OAUTH__GITHUB__CLIENT_SECRET", "secret"),
        ("PORTCULLIS_OAUTH__YANDEX__CLIENT_ID", "y"),
        ("PORTCULLIS_OAUTH__YANDEX__CLIENT_SECRET", "secret"),
        ("PORTCULLIS_OAUTH__YANDEX__TRUST_EMAIL", ""),
        ("PORTCULLIS_OAUTH__GOOGLE__CLIENT_ID", ""),
        ("PORTCULLIS_OAUTH__GOOGLE__CLIENT_SECRET", ""),
    ]);
    let oauth = loaded.unwrap().config.oauth;
    let ids: Vec<&str> = oauth
        .providers
        .iter()
        .map(|provider| provider.id.as_str())
        .collect();
    assert_eq!(
        ids,
        ["yandex", "github", "a_1__b", "zed"],
        "google was left empty"
    );
    let [yandex, github, other, zed] = oauth.providers.as_slice() else {
        panic!("four");
    };
    assert_eq!(github.client_secret.as_ref().unwrap().expose_secret(), "secret");
    assert_eq!((yandex.trust_email, other.trust_email), (None, Some(false)));
    assert_eq!(other.scopes.as_ref().unwrap(), &["openid", "email"]);
    assert!(other.allow_private && !zed.allow_private && zed.client_secret.is_none());
    assert_eq!(
        zed.issuer.as_deref(),
        Some("https://z.example/"),
        "as it was written"
    );
}

#[test]
fn a_wrong_provider_is_one_fault_that_names_its_key() {
    for (field, value, key) in [
        ("CLIENT_ID", "", "oauth.company.client_id"),
        ("CLIENT_ID", "two words", "oauth.company.client_id"),
        ("ISSUER", "", "oauth.company.issuer"),
        ("ISSUER", "login.example.org", "oauth.company.issuer"),
        ("ISSUER", "http://login.example.org", "oauth.company.issuer"),
        ("ISSUER", "https://login.example.org?a=b", "oauth.company.issuer"),
        ("ISSUER", "https://login.example.org#a", "oauth.company.issuer"),
        ("ISSUER", "https://ada@login.example.org", "oauth.company.issuer"),
        ("ISSUER", "https://LOGIN.example.org", "oauth.company.issuer"),
        ("ISSUER", "ftp://localhost", "oauth.company.issuer"),
        ("SCOPES", "openid email", "oauth.company.scopes"),
        ("NAME", "a\nb", "oauth.company.name"),
        ("TRUST_EMAIL", "perhaps", "oauth.company.trust_email"),
        ("TOKEN_URL", "http://10.0.0.1/token", "oauth.company.token_url"),
        ("TOKEN_URL", "https://a@x.example/", "oauth.company.token_url"),
        ("JWKS_URL", "https://x.example/#", "oauth.company.jwks_url"),
        ("JWKS_URL", "keys", "oauth.company.jwks_url"),
        ("EMAILS_URL", "https://x.example/", "oauth.company.emails_url"),
    ] {
        let variable: &'static str = format!("PORTCULLIS_OAUTH__COMPANY__{field}").leak();
        let errors = load(&company(&[(variable, value)])).unwrap_err();
        let keys: Vec<&str> = errors.0.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, [key], "{field}={value}");
        assert_eq!(errors.0[0].source, Source::Variable(variable.to_owned()));
    }
    load(&company(&[(
        "PORTCULLIS_OAUTH__COMPANY__TOKEN_URL",
        "http://[::1]:9/token?a=b",
    )]))
    .unwrap();
}

#[test]
fn what_a_known_provider_needs_is_asked_for_and_what_it_cannot_use_is_refused() {
    for (id, also, keys) in [
        ("GOOGLE", "SCOPES", ["oauth.google.client_secret"]),
        ("GITHUB", "ISSUER", ["oauth.github.issuer"]),
        ("YANDEX", "JWKS_URL", ["oauth.yandex.jwks_url"]),
        ("GOOGLE", "EMAILS_URL", ["oauth.google.emails_url"]),
    ] {
        let named = |field| format!("PORTCULLIS_OAUTH__{id}__{field}");
        let secret = if also == "SCOPES" { "" } else { "secret" };
        let value = if also == "SCOPES" {
            "openid"
        } else {
            "https://x.example"
        };
        let variables = [
            (named("CLIENT_ID"), "id"),
            (named("CLIENT_SECRET"), secret),
            (named(also), value),
        ];
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let errors = load(&variables).unwrap_err();
        let found: Vec<&str> = errors.0.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(found, keys, "{id} {also}");
    }
}

#[test]
fn an_unknown_field_is_answered_with_the_nearest_of_its_provider() {
    for (variable, meant) in [
        (
            "PORTCULLIS_OAUTH__COMPANY__CLIENTID",
            "`PORTCULLIS_OAUTH__COMPANY__CLIENT_ID`",
        ),
        ("PORTCULLIS_OAUTH__GOGLE", "`PORTCULLIS_OAUTH__"),
        (
            "PORTCULLIS_OAUTH__1GOOGLE__ISSUER",
            "`PORTCULLIS_OAUTH__GOOGLE__ISSUER`",
        ),
        ("PORTCULLIS_OAUTH__EXCHANGE__ISSUER", "`PORTCULLIS_OAUTH__"),
        (
            "PORTCULLIS_OAUTH__Google__ISSUER",
            "`PORTCULLIS_OAUTH__GOOGLE__ISSUER`",
        ),
    ] {
        let errors = load(&company(&[(variable, "x")])).unwrap_err();
        let [fault] = errors.0.as_slice() else {
            panic!("{errors}");
        };
        assert!(fault.problem.contains(meant), "{fault}");
    }
    for (name, known) in [
        ("oauth.a.issuer", true),
        ("oauth.a.isuer", false),
        ("oauth.redirects.issuer", false),
        ("oauth.A.issuer", false),
        ("oauth.a-b.issuer", false),
        ("oauth..issuer", false),
        ("oauth.a.b.issuer", false),
        ("oauth.a", false),
    ] {
        assert_eq!(is_provider_key(name), known, "{name}");
    }
    assert!(is_id(&"a".repeat(32)) && !is_id(&"a".repeat(33)));
}

#[test]
fn t14_a_client_secret_is_shown_as_set_and_every_field_is_shown() {
    let loaded = load(&company(&[(
        "PORTCULLIS_OAUTH__COMPANY__CLIENT_SECRET",
        "canary-canary",
    )]))
    .unwrap();
    let text = format!("{loaded:?}");
    assert!(!text.contains("canary"), "{text}");
    let of = |key: &str| loaded.shown.iter().find(|shown| shown.key == key).unwrap();
    for (field, secret) in FIELDS {
        assert_eq!(of(&key("company", field)).secret, *secret);
        assert_eq!(*secret, *field == "client_secret");
    }
    assert_eq!(of("oauth.company.client_secret").value, "(set)");
    assert_eq!(of("oauth.company.client_id").value, "hub");
    assert_eq!(of("oauth.company.issuer").value, "https://login.example.org");
}

#[test]
fn t22_a_redirect_is_one_whole_address_of_the_web_or_of_an_app() {
    for text in [
        "https://app.example.org/",
        "http://localhost:3000/signed-in?from=hub",
        "com.example.app:/callback",
        "org.example.app://callback",
    ] {
        assert!(is_redirect(text), "{text}");
    }
    for text in [
        "",
        "/",
        "//app.example.org/",
        "https://app.example.org",
        "https://app.example.org/#",
        "https://app.example.org/#/x",
        "https://APP.example.org/",
        "https://ada@app.example.org/",
        "https://*.example.org",
        "https:\\\\app.example.org/",
        "https://app.example.org/\t",
        "app:/callback",
        "javascript:alert(1)",
        "data:text/html,x.y",
        "Com.Example.App:/callback",
        "com.example.app:/callback#x",
        "com.example.app://ada@callback/",
    ] {
        assert!(!is_redirect(text), "{text}");
    }
    let errors = load(&[("PORTCULLIS_OAUTH__REDIRECTS", "https://a.example/,//b.example")]).unwrap_err();
    assert_eq!((errors.0.len(), errors.0[0].key.as_str()), (1, REDIRECTS));
    assert!(errors.0[0].problem.contains("`//b.example`"));
}

#[test]
fn the_providers_of_the_example_are_right_when_they_are_uncommented() {
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let text = std::fs::read_to_string(example).unwrap();
    let (_, commented) = text.split_once("redirects = []").unwrap();
    let lines = commented
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line));
    let setting = |line: &&str| {
        line.starts_with("[oauth.")
            || line
                .split_once(" = ")
                .is_some_and(|(name, _)| !name.contains(' '))
    };
    let file = std::env::temp_dir().join(format!("portcullis-{}-oauth.toml", std::process::id()));
    std::fs::write(&file, lines.filter(setting).collect::<Vec<_>>().join("\n")).unwrap();
    let loaded = Config::from_sources(Some(&file), &Environment::default());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(loaded.unwrap().config.oauth.providers.len(), 4);
    for (field, _) in FIELDS {
        assert!(commented.contains(field), "{field} is not in config.example.toml");
    }
}
