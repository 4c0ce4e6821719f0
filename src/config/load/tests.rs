//! What is accepted from which source, and what each fault says.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use super::*;

/// A file that is gone when the test ends.
struct Temporary(PathBuf);

impl Temporary {
    fn with(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn load(variables: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    Config::from_sources(None, &Environment::of(variables.iter().copied()))
}

fn faults(variables: &[(&str, &str)]) -> Vec<super::super::Fault> {
    load(variables).unwrap_err().0
}

/// What production needs, so that each test can spoil one thing.
const PRODUCTION: &[(&str, &str)] = &[
    ("PORTCULLIS_ENV", "production"),
    ("PORTCULLIS_DATA_DIR", "/nonexistent"),
    ("PORTCULLIS_PUBLIC_URL", "https://auth.example.org"),
    ("PORTCULLIS_SECRETS__MASTER", "0123456789abcdef0123456789abcdef"),
    ("PORTCULLIS_MAIL__TRANSPORT", "smtp"),
    ("PORTCULLIS_MAIL__SMTP_URL", "smtps://mail.example.org"),
];

fn production(changed: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let kept = PRODUCTION
        .iter()
        .filter(|(name, _)| changed.iter().all(|(other, _)| other != name));
    kept.chain(changed).copied().collect()
}

#[test]
fn one_wrong_value_is_one_fault_that_names_key_and_variable() {
    for (variable, value, key) in [
        ("PORTCULLIS_ENV", "staging", "env"),
        ("PORTCULLIS_PUBLIC_URL", "auth.example.org", "public_url"),
        ("PORTCULLIS_PUBLIC_URL", "ftp://auth.example.org", "public_url"),
        (
            "PORTCULLIS_PUBLIC_URL",
            "https://auth.example.org/?a",
            "public_url",
        ),
        (
            "PORTCULLIS_PUBLIC_URL",
            "https://auth.example.org/#a",
            "public_url",
        ),
        (
            "PORTCULLIS_PUBLIC_URL",
            "https://ada@auth.example.org",
            "public_url",
        ),
        ("PORTCULLIS_DATA_DIR", "", "data_dir"),
        ("PORTCULLIS_HTTP__LISTEN", "8080", "http.listen"),
        ("PORTCULLIS_HTTP__LISTEN", "", "http.listen"),
        (
            "PORTCULLIS_HTTP__ALLOWED_ORIGINS",
            "https://a.example,*",
            "http.allowed_origins",
        ),
        (
            "PORTCULLIS_HTTP__TRUSTED_PROXIES",
            "10.0.0.0/33",
            "http.trusted_proxies",
        ),
        ("PORTCULLIS_MANAGEMENT__ALLOW", "everybody", "management.allow"),
        ("PORTCULLIS_METRICS__LISTEN", "off", "metrics.listen"),
        ("DATABASE_URL", "mysql://db", "database.url"),
        ("REDIS_URL", "localhost:6379", "redis.url"),
        ("PORTCULLIS_REDIS__PREFIX", "", "redis.prefix"),
        ("PORTCULLIS_MAIL__TRANSPORT", "post", "mail.transport"),
        ("PORTCULLIS_MAIL__SMTP_URL", "mail.example.org", "mail.smtp_url"),
        ("PORTCULLIS_MAIL__FROM", "nobody", "mail.from"),
        (
            "PORTCULLIS_LINKS__ACTIVATION",
            "https://a.example/x",
            "links.activation",
        ),
        (
            "PORTCULLIS_LINKS__RETURN_TO",
            "https://a.example/,//b.example",
            "links.return_to",
        ),
        ("PORTCULLIS_SITE__NAME", "<b>", "site.name"),
        ("PORTCULLIS_SITE__LOGO", "http://a.example/logo.svg", "site.logo"),
        ("PORTCULLIS_SITE__ACCENT", "blue", "site.accent"),
        ("PORTCULLIS_SITE__ACCENT", "#ffcc00", "site.accent"),
        ("PORTCULLIS_SECRETS__MASTER", "short", "secrets.master"),
        ("PORTCULLIS_TOKENS__ACCESS_TTL", "4", "tokens.access_ttl"),
        ("PORTCULLIS_TOKENS__SOCKET_TTL", "-5", "tokens.socket_ttl"),
        ("PORTCULLIS_TOKENS__REFRESH_IDLE", "14d", "tokens.refresh_idle"),
        ("PORTCULLIS_PASSWORDS__MIN_LENGTH", "7", "passwords.min_length"),
        ("PORTCULLIS_PASSWORDS__MEMORY_KIB", "1023", "passwords.memory_kib"),
        ("PORTCULLIS_PASSWORDS__ITERATIONS", "0", "passwords.iterations"),
        ("PORTCULLIS_PASSWORDS__PARALLELISM", "0", "passwords.parallelism"),
        ("PORTCULLIS_PASSWORDS__QUEUE", "0", "passwords.queue"),
        (
            "PORTCULLIS_PASSWORDS__MEMORY_KIB",
            "1048577",
            "passwords.memory_kib",
        ),
        ("PORTCULLIS_PASSWORDS__ITERATIONS", "65", "passwords.iterations"),
        ("PORTCULLIS_PASSWORDS__PEPPERS", "no id", "passwords.peppers"),
        (
            "PORTCULLIS_PASSWORDS__PEPPERS",
            "2026a:short",
            "passwords.peppers",
        ),
        ("PORTCULLIS_REGISTRATION__OPEN", "yes", "registration.open"),
        ("PORTCULLIS_HUB__LEASE", "10", "hub.lease"),
        ("PORTCULLIS_HUB__SWEEP", "30", "hub.sweep"),
        ("PORTCULLIS_HUB__POLL", "0", "hub.poll"),
        ("PORTCULLIS_HUB__POLL", "NaN", "hub.poll"),
        ("PORTCULLIS_HUB__DRAIN", "inf", "hub.drain"),
        ("PORTCULLIS_HUB__DRAIN", "-1", "hub.drain"),
        ("PORTCULLIS_HUB__PER_USER", "0", "hub.per_user"),
    ] {
        let faults = faults(&[(variable, value)]);
        let [fault] = faults.as_slice() else {
            panic!("{variable}={value} gives {faults:?}");
        };
        assert_eq!(fault.key, key);
        assert_eq!(
            fault.source,
            Source::Variable(variable.to_owned()),
            "{variable}={value}"
        );
        assert!(
            fault.to_string().starts_with(&format!("{key} ({variable}): ")),
            "{fault}"
        );
    }
}

#[test]
fn every_fault_is_told_at_once_each_on_a_line() {
    let errors = load(&[
        ("PORTCULLIS_TOKENS__ACCESS_TTL", "1"),
        ("PORTCULLIS_HUB__POLL", "x"),
        ("PORTCULLIS_HTTP__LISTN", "127.0.0.1:1"),
    ])
    .unwrap_err();
    assert_eq!(errors.to_string().lines().count(), 3, "{errors}");
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_known_one() {
    let fault = &faults(&[("PORTCULLIS_HTTP__LISTN", "x")])[0];
    assert!(fault.problem.contains("`PORTCULLIS_HTTP__LISTEN`"), "{fault}");
    let file = Temporary::with(
        "unknown.toml",
        "oauth = 1\n[http]\nlisten_on = 1\n[htp]\nlisten = 1\n[tokens.more]\n",
    );
    let errors = Config::from_sources(Some(&file.0), &Environment::default()).unwrap_err();
    let keys: Vec<&str> = errors.0.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["htp.listen", "http.listen_on", "oauth", "tokens.more"]);
    for fault in &errors.0[..2] {
        assert!(fault.problem.contains("`http.listen`"), "{fault}");
        assert_eq!(fault.source, Source::File(file.0.clone()));
    }
}

#[test]
fn the_environment_goes_over_the_file_and_the_file_over_the_default() {
    let text =
        "[tokens]\naccess_ttl = 60\nsocket_ttl = 10\n[hub]\npoll = 2\n[http]\nlisten = '127.0.0.1:1'\n";
    let file = Temporary::with("layers.toml", text);
    let environment = Environment::of([("PORTCULLIS_TOKENS__ACCESS_TTL", "70")]);
    let loaded = Config::from_sources(Some(&file.0), &environment).unwrap();
    assert_eq!(loaded.config.tokens.access_ttl, 70);
    assert_eq!(loaded.config.tokens.socket_ttl, 10);
    assert_eq!(loaded.config.tokens.refresh_grace, 30);
    assert!((loaded.config.hub.poll - 2.0).abs() < f64::EPSILON);
    let source = |key| {
        loaded
            .shown
            .iter()
            .find(|shown| shown.key == key)
            .unwrap()
            .source
            .clone()
    };
    assert_eq!(
        source("tokens.access_ttl"),
        Source::Variable("PORTCULLIS_TOKENS__ACCESS_TTL".to_owned())
    );
    assert_eq!(source("tokens.socket_ttl"), Source::File(file.0.clone()));
    assert_eq!(source("tokens.refresh_grace"), Source::Default);
}

#[test]
fn a_named_file_must_exist_and_be_toml() {
    let missing = Config::from_sources(Some(Path::new("/nonexistent.toml")), &Environment::default());
    assert_eq!(missing.unwrap_err().0.len(), 1);
    let file = Temporary::with("broken.toml", "[secrets]\nmaster = \"hunter2\n");
    let errors = Config::from_sources(Some(&file.0), &Environment::default()).unwrap_err();
    assert_eq!(errors.0[0].key, "line 2");
    assert!(!errors.to_string().contains("hunter2"), "{errors}");
    let file = Temporary::with(
        "types.toml",
        "http = 1\n[tokens]\naccess_ttl = '300'\n[registration]\nopen = 1\n[hub]\npoll = nan\n",
    );
    let errors = Config::from_sources(Some(&file.0), &Environment::default()).unwrap_err();
    assert_eq!(errors.0.len(), 4, "{errors}");
}

#[test]
fn lists_are_separated_by_commas_and_empty_means_not_set() {
    let loaded = load(&[
        (
            "PORTCULLIS_HTTP__ALLOWED_ORIGINS",
            "https://a.example, http://localhost:3000 ,",
        ),
        ("PORTCULLIS_HTTP__TRUSTED_PROXIES", "10.1.2.3/8,::1,192.0.2.7"),
        ("PORTCULLIS_MANAGEMENT__ALLOW", ""),
        ("PORTCULLIS_METRICS__LISTEN", ""),
        ("PORTCULLIS_REDIS__URL", ""),
        ("PORTCULLIS_PUBLIC_URL", ""),
        ("PORTCULLIS_SECRETS__MASTER", ""),
        ("PORTCULLIS_HUB__MAX_CONNECTIONS", ""),
        ("DATABASE_URL", ""),
    ])
    .unwrap();
    let config = loaded.config;
    assert_eq!(
        config.http.allowed_origins.unwrap(),
        ["https://a.example", "http://localhost:3000"]
    );
    let proxies: Vec<String> = config
        .http
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(proxies, ["10.0.0.0/8", "::1/128", "192.0.2.7/32"]);
    assert!(config.management.allow.is_empty());
    assert!(config.metrics.listen.is_none() && config.redis.url.is_none() && config.public_url.is_none());
    assert!(config.secrets.master.is_none() && config.hub.max_connections.is_none());
    assert!(config.database.url.is_none());
}

#[test]
fn a_secret_is_read_from_a_file_without_its_last_newline() {
    let secret = "  0123456789abcdef 0123456789abcdef ";
    let file = Temporary::with("master", &format!("{secret}\n"));
    let name = file.0.to_str().unwrap();
    let loaded = load(&[("PORTCULLIS_SECRETS__MASTER_FILE", name)]).unwrap();
    assert_eq!(loaded.config.secrets.master.unwrap().expose_secret(), secret);
    let both = [
        ("PORTCULLIS_SECRETS__MASTER_FILE", name),
        ("PORTCULLIS_SECRETS__MASTER", "0123456789abcdef0123456789abcdef"),
    ];
    assert_eq!(faults(&both)[0].key, "secrets.master");
    assert_eq!(
        faults(&[("PORTCULLIS_SECRETS__MASTER_FILE", "/nonexistent")])[0].key,
        "secrets.master"
    );
    let url = Temporary::with("url", "postgres://db/hub\n");
    let loaded = load(&[("DATABASE_URL_FILE", url.0.to_str().unwrap())]).unwrap();
    assert_eq!(loaded.config.database_url(), "postgres://db/hub");
}

#[test]
fn our_own_variable_goes_over_the_common_one() {
    let loaded = load(&[
        ("DATABASE_URL", "postgres://other/app"),
        ("PORTCULLIS_DATABASE__URL", "postgres://db/hub"),
        ("REDIS_URL", "redis://localhost"),
    ])
    .unwrap();
    assert_eq!(loaded.config.database_url(), "postgres://db/hub");
    assert!(loaded.config.redis.url.is_some());
}

#[test]
fn t14_no_secret_is_shown_or_told() {
    let canary = "canary-canary-canary-canary-canary";
    let url = format!("postgres://hub:{canary}@db/hub");
    let smtp = format!("smtps://hub:{canary}@mail.example.org");
    let loaded = load(&[
        ("PORTCULLIS_SECRETS__MASTER", canary),
        ("DATABASE_URL", &url),
        ("PORTCULLIS_REDIS__URL", &format!("redis://:{canary}@redis")),
        ("PORTCULLIS_MAIL__SMTP_URL", &smtp),
        ("PORTCULLIS_PASSWORDS__PEPPERS", &format!("2026a:{canary}")),
        ("PORTCULLIS_TELEMETRY__OTLP_HEADERS", &format!("token={canary}")),
    ])
    .unwrap();
    let shown = format!("{loaded:?}");
    assert!(!shown.contains(canary), "{shown}");
    let set: Vec<_> = loaded.shown.iter().filter(|shown| shown.secret).collect();
    assert_eq!(set.len(), 6);
    assert!(set.iter().all(|shown| shown.value == "(set)"));
    let wrong = load(&[
        ("DATABASE_URL", &format!("mysql://{canary}")),
        ("PORTCULLIS_MAIL__SMTP_URL", canary),
        ("PORTCULLIS_PASSWORDS__PEPPERS", canary),
    ]);
    assert!(!wrong.unwrap_err().to_string().contains(canary));
}

#[test]
fn production_starts_with_what_it_needs_and_with_sqlite() {
    load(&production(&[])).unwrap();
    load(&production(&[("PORTCULLIS_PUBLIC_URL", "http://127.0.0.1:8080")])).unwrap();
    load(&production(&[("PORTCULLIS_PUBLIC_URL", "http://[::1]:8080")])).unwrap();
    load(&production(&[(
        "PORTCULLIS_MAIL__SMTP_URL",
        "smtp://mail.example.org?tls=required",
    )]))
    .unwrap();
    load(&production(&[
        ("PORTCULLIS_PASSWORDS__MEMORY_KIB", "12288"),
        ("PORTCULLIS_PASSWORDS__ITERATIONS", "3"),
    ]))
    .unwrap();
}

#[test]
fn production_refuses_what_is_only_fit_for_development() {
    let generated = "portcullis-development-0123456789abcdef0123456789abcdef";
    for (changed, key) in [
        (vec![("PORTCULLIS_MAIL__TRANSPORT", "mailbox")], "mail.transport"),
        (
            vec![("PORTCULLIS_MAIL__SMTP_URL", "smtp://mail.example.org")],
            "mail.smtp_url",
        ),
        (
            vec![(
                "PORTCULLIS_MAIL__SMTP_URL",
                "smtp://mail.example.org?tls=opportunistic",
            )],
            "mail.smtp_url",
        ),
        (vec![("PORTCULLIS_MAIL__SMTP_URL", "")], "mail.smtp_url"),
        (vec![("PORTCULLIS_SECRETS__MASTER", "")], "secrets.master"),
        (vec![("PORTCULLIS_SECRETS__MASTER", generated)], "secrets.master"),
        (
            vec![("PORTCULLIS_PUBLIC_URL", "http://auth.example.org")],
            "public_url",
        ),
        (
            vec![
                ("PORTCULLIS_PUBLIC_URL", ""),
                ("PORTCULLIS_HTTP__LISTEN", "0.0.0.0:80"),
            ],
            "public_url",
        ),
        (vec![("PORTCULLIS_LIMITS__ENABLED", "false")], "limits.enabled"),
        (
            vec![("PORTCULLIS_PASSWORDS__MEMORY_KIB", "8192")],
            "passwords.memory_kib",
        ),
        (
            vec![("PORTCULLIS_PASSWORDS__ITERATIONS", "1")],
            "passwords.iterations",
        ),
        (
            vec![("PORTCULLIS_HTTP__ALLOWED_ORIGINS", "*")],
            "http.allowed_origins",
        ),
        (
            vec![("PORTCULLIS_MANAGEMENT__ALLOW", "0.0.0.0/0")],
            "management.allow",
        ),
        (
            vec![("PORTCULLIS_MANAGEMENT__ALLOW", "10.0.0.0/7")],
            "management.allow",
        ),
        (
            vec![("PORTCULLIS_MANAGEMENT__ALLOW", "2001::/15")],
            "management.allow",
        ),
    ] {
        let faults = faults(&production(&changed));
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, [key], "{changed:?}");
    }
}

#[test]
fn production_refuses_the_very_secret_that_development_keeps_in_its_folder() {
    let folder = std::env::temp_dir().join(format!("portcullis-{}-kept", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("master.secret"), "0123456789abcdef0123456789abcdef\n").unwrap();
    let folder_text = folder.to_str().unwrap();
    let mut variables: Vec<(&str, &str)> = production(&[]);
    variables.retain(|(name, _)| *name != "PORTCULLIS_DATA_DIR");
    variables.push(("PORTCULLIS_DATA_DIR", folder_text));
    assert_eq!(faults(&variables)[0].key, "secrets.master");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_mailbox_is_refused_beyond_loopback_everywhere() {
    let faults = faults(&[("PORTCULLIS_HTTP__LISTEN", "0.0.0.0:8080")]);
    assert_eq!(faults[0].key, "mail.transport");
    load(&[("PORTCULLIS_HTTP__LISTEN", "[::1]:0")]).unwrap();
}
