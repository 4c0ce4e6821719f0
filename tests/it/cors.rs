//! Cross-origin requests: exactly the allowed origins, and nothing reflected (T03, T24).

use reqwest::Method;

use crate::support::app::{TestApp, Tuning};
use crate::support::binary::Installation;
use crate::support::http::{Answer, Caller};

const OURS: &str = "https://app.example.org";
const FOREIGN: [&str; 16] = [
    "null",
    "*",
    "",
    "https://evil.example",
    "http://app.example.org",
    "https://app.example.org:443",
    "https://app.example.org:8443",
    "https://app.example.org/",
    "https://app.example.org.",
    "https://APP.example.org",
    "https://app.example.org.evil.example",
    "https://evilapp.example.org",
    "https://app.example.org@evil.example",
    "https://sub.app.example.org",
    "https://app.example.org, https://evil.example",
    "file://",
];

async fn app() -> TestApp {
    Tuning::new()
        .configure(|config| {
            config.http.allowed_origins = Some(vec![OURS.into(), "http://localhost:3000".into()]);
        })
        .spawn()
        .await
}

async fn ask(app: &Caller, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = app.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request).await
}

/// The CORS headers of an answer.
fn granted(answer: &Answer) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("access-control-"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    all.sort_unstable();
    all
}

/// All that the answer says caches must tell apart.
fn vary(answer: &Answer) -> String {
    let lines = answer.headers.get_all("vary").iter();
    lines
        .map(|value| value.to_str().unwrap())
        .collect::<Vec<_>>()
        .join(", ")
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn t24_an_allowed_origin_may_read_answers_and_errors_and_these_headers() {
    let app = app().await;
    for origin in [OURS, "http://localhost:3000"] {
        for (path, status) in [
            ("/healthz", 200),
            ("/nothing", 404),
            ("/api/users/me", 401),
            ("/", 200),
        ] {
            let answer = ask(&app, Method::GET, path, &[("origin", origin)])
                .await
                .expect(status);
            let expected = pairs(&[
                ("access-control-allow-credentials", "true"),
                ("access-control-allow-origin", origin),
                (
                    "access-control-expose-headers",
                    "Retry-After, X-Request-Id, WWW-Authenticate",
                ),
            ]);
            assert_eq!(granted(&answer), expected, "{path}");
            assert!(vary(&answer).contains("Origin"), "{path}");
        }
    }
}

#[tokio::test]
async fn t24_a_preflight_is_answered_for_an_allowed_origin_alone() {
    let app = app().await;
    let preflight = |origin: &'static str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            (
                "access-control-request-headers",
                "authorization, content-type, x-evil",
            ),
        ];
        let app = &app;
        async move { ask(app, Method::OPTIONS, "/api/users", &headers).await }
    };
    let answer = preflight(OURS).await.expect(204);
    assert!(answer.bytes.is_empty());
    let expected = pairs(&[
        ("access-control-allow-credentials", "true"),
        (
            "access-control-allow-headers",
            "Authorization, Content-Type, X-Portcullis-Mode, X-Request-Id",
        ),
        (
            "access-control-allow-methods",
            "GET, HEAD, POST, PUT, PATCH, DELETE",
        ),
        ("access-control-allow-origin", OURS),
        (
            "access-control-expose-headers",
            "Retry-After, X-Request-Id, WWW-Authenticate",
        ),
        ("access-control-max-age", "600"),
    ]);
    assert_eq!(granted(&answer), expected);
    let vary = vary(&answer);
    for part in [
        "Origin",
        "Access-Control-Request-Method",
        "Access-Control-Request-Headers",
    ] {
        assert!(vary.contains(part), "{part}");
    }
    for origin in FOREIGN {
        let refused = preflight(origin).await;
        refused.problem(403, "origin_refused");
        assert_eq!(granted(&refused), [], "{origin}");
    }
}

#[tokio::test]
async fn t03_a_foreign_origin_is_told_nothing_about_itself() {
    let app = app().await;
    for origin in FOREIGN {
        for path in ["/healthz", "/nothing", "/"] {
            let answer = ask(&app, Method::GET, path, &[("origin", origin)]).await;
            assert_eq!(granted(&answer), [], "{origin} at {path}");
            assert!(vary(&answer).contains("Origin"));
        }
    }
    let twice = ask(
        &app,
        Method::GET,
        "/healthz",
        &[("origin", OURS), ("origin", OURS)],
    )
    .await;
    assert_eq!(granted(&twice), []);
    let none = ask(&app, Method::GET, "/healthz", &[]).await;
    assert_eq!(granted(&none), []);
    assert!(vary(&none).contains("Origin"), "caches must know");
}

#[tokio::test]
async fn without_a_list_the_origin_of_the_public_address_is_allowed() {
    let app = Tuning::new()
        .configure(|config| config.public_url = Some("https://auth.example.org/base".parse().unwrap()))
        .spawn()
        .await;
    let allowed = |origin: &'static str| {
        let app = &app;
        async move {
            let answer = ask(app, Method::GET, "/healthz", &[("origin", origin)]).await;
            !granted(&answer).is_empty()
        }
    };
    assert!(allowed("https://auth.example.org").await);
    assert!(!allowed("https://auth.example.org/base").await);
    assert!(!allowed("http://auth.example.org").await);
    assert!(!allowed("http://127.0.0.1").await);
}

/// A hub's log of these origins' preflights, each sent twice.
async fn log_of(settings: &[(&str, &str)], origins: impl IntoIterator<Item = String>) -> String {
    let mut installation = Installation::new().await;
    for (name, value) in settings {
        installation.set(name, value);
    }
    let log = installation.folder.path().join("log");
    installation.ask(&["migrate"]).await;
    let server = installation.serve_logging_to(&log).await;
    for origin in origins {
        let headers = [("origin", &*origin), ("access-control-request-method", "POST")];
        for _ in 0..2 {
            let refused = ask(&server.caller, Method::OPTIONS, "/api/auth", &headers).await;
            refused.problem(403, "origin_refused");
        }
    }
    server.terminate().await;
    std::fs::read_to_string(&log).unwrap()
}

#[tokio::test]
async fn t15_in_development_the_log_says_once_which_origin_is_refused_and_what_to_set() {
    let made_up = (0..100).map(|number| format!("https://{number}.{}.example.org", "x".repeat(200)));
    let sent = std::iter::once("http://localhost:5173".to_owned()).chain(made_up);
    let log = log_of(&[], sent).await;
    let told: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("http.allowed_origins"))
        .collect();
    assert_eq!(told.len(), 32, "{log}");
    let first = told
        .iter()
        .filter(|line| line.contains("WARN") && line.contains("http://localhost:5173"));
    assert_eq!(first.count(), 1, "{log}");
    assert!(!log.contains(&"x".repeat(100)), "{log}");
}

#[tokio::test]
async fn t15_in_production_a_refused_origin_is_not_in_the_log() {
    let production = [
        ("PORTCULLIS_ENV", "production"),
        ("PORTCULLIS_MAIL__TRANSPORT", "smtp"),
        ("PORTCULLIS_MAIL__SMTP_URL", "smtps://mail.example.org"),
        (
            "PORTCULLIS_SECRETS__MASTER",
            "a master secret for the test, long enough",
        ),
        ("PORTCULLIS_PASSWORDS__MEMORY_KIB", "19456"),
        ("PORTCULLIS_PASSWORDS__ITERATIONS", "2"),
    ];
    let log = log_of(&production, ["http://localhost:5173".to_owned()]).await;
    assert!(log.contains("answered"), "{log}");
    assert!(
        !log.contains("localhost:5173") && !log.contains("http.allowed_origins"),
        "{log}"
    );
}
