//! Who calls is what nginx saw, whatever a caller says; and what is for few is closed to everybody else.

use reqwest::Method;

use super::{BOSS, PublicUrl};
use crate::support::eventually;
use crate::support::http::{Answer, Caller};
use crate::support::nginx::LISTED;
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";

/// What somebody says who would like to be at the listed address.
fn forged() -> Vec<(&'static str, String)> {
    let listed = LISTED.to_string();
    vec![
        ("X-Forwarded-For", listed.clone()),
        ("X-Forwarded-For", format!("{listed}, 127.0.0.1")),
        ("Forwarded", format!("for={listed}")),
        ("X-Real-IP", listed.clone()),
        ("X-Forwarded-Host", listed.clone()),
        ("True-Client-IP", listed.clone()),
        ("X_Forwarded_For", listed),
    ]
}

/// Whether nginx itself refused.
fn is_refused_by_nginx(answer: &Answer) -> bool {
    answer.status == 403 && answer.text().contains("of nginx")
}

async fn with_all_forged(caller: &Caller, method: Method, path: &str, bearer: &str) -> Answer {
    let mut request = caller.request(method, path).bearer_auth(bearer);
    for (name, value) in forged() {
        request = request.header(name, value);
    }
    Answer::of(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t13_the_address_is_the_one_that_nginx_saw() {
    let site = PublicUrl::start().await;
    site.person(ADA).await;
    let ada = site.from([7, 1]).caller;
    let mut request = ada.request(Method::POST, "/api/auth");
    for (name, value) in forged() {
        request = request.header(name, value);
    }
    let body = serde_json::json!({ "email": ADA, "password": PASSWORD });
    let pair = Answer::of(request.json(&body)).await.expect(200).json();
    let access = pair["access_token"].as_str().unwrap();
    let sessions = ada
        .get_as(access, "/api/users/me/sessions")
        .await
        .expect(200)
        .json();
    assert_eq!(sessions["items"][0]["ip"], "127.0.7.1");

    // Whoever is not nginx is believed nothing, though they reach a hub.
    let boss = site.listed().caller.sign_in(BOSS).await;
    for server in &site.servers {
        let client = reqwest::Client::builder().no_proxy();
        let client = client
            .local_address(std::net::IpAddr::from([127, 0, 0, 2]))
            .build()
            .unwrap();
        let address = server.caller.address;
        let past = Caller::with(address, client, format!("http://{address}"));
        for (name, value) in forged() {
            let request = past.request(Method::GET, "/api/users").bearer_auth(&boss.access);
            let answer = Answer::of(request.header(name, value)).await;
            answer.problem(403, "address_not_allowed");
        }
    }
    // What is not encrypted is led away, and never reaches a hub.
    let plain = Caller::new(site.nginx.plain);
    plain.try_sign_in(ADA, PASSWORD).await.problem(403, "forbidden");
    let page = plain.get("/sign-in?return_to=x").await.expect(301);
    assert_eq!(
        page.header("location"),
        Some("https://auth.example.org/sign-in?return_to=x")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t21_what_is_for_few_is_open_to_listed_addresses_alone() {
    let site = PublicUrl::start().await;
    let (listed, outside) = (site.listed().caller, site.from([7, 2]).caller);
    let boss = listed.sign_in(BOSS).await;
    let closed = ["/api/docs", "/api/openapi.json"];
    let mut managing = 0;
    for operation in listed.operations().await {
        let few = operation.scopes().is_some() || closed.contains(&operation.path.as_str());
        managing += usize::from(few);
        for path in [operation.address(), format!("{}/", operation.address())] {
            let method: Method = operation.method.parse().unwrap();
            let answer = with_all_forged(&outside, method.clone(), &path, &site.key).await;
            assert_eq!(is_refused_by_nginx(&answer), few, "{method} {path}: {answer:?}");
            if few {
                answer.problem(403, "address_not_allowed");
            }
        }
        // The limits of nginx are not what this is about.
        eventually("there is room for more", || async {
            (outside.get("/healthz").await.status == 200).then_some(())
        })
        .await;
    }
    assert!(managing > 20, "{managing} routes are for few");
    for path in [
        "/metrics",
        "/metrics/1",
        "/metrics/",
        "/dev/mailbox",
        "/api/what-comes-next",
        "/api",
    ] {
        let answer = outside.get(path).await;
        assert!(is_refused_by_nginx(&answer), "{path}: {answer:?}");
    }

    // The same, written otherwise: nobody outside gets an answer that only few should get.
    let stranger = site.from([7, 3]);
    for path in [
        "//api/hub",
        "/api//hub",
        "/api/./hub",
        "/api/%68ub",
        "/%61pi/hub",
        "/api/users/me/../../hub",
        "/api/users/me/%2e%2e/%2e%2e/hub",
        "/api/users/me%2f..%2f..%2fhub",
        "/api/auth/..;/hub",
        "/API/hub",
        "/api/hub%20",
        "/api/hub?x=/api/auth",
    ] {
        let head = [
            ("Host", "auth.example.org"),
            ("Authorization", &format!("Bearer {}", site.key)),
        ];
        let answer = stranger.raw("GET", path, &head).await;
        assert!([400, 403, 404].contains(&answer), "{path}: {answer}");
    }

    // From the list everything is there, each node's metrics too.
    listed.get_as(&boss.access, "/api/users").await.expect(200);
    listed.get_as(&site.key, "/api/hub").await.expect(200);
    listed.get("/api/docs").await.expect(200);
    for path in ["/metrics/1", "/metrics/2"] {
        let page = listed.get(path).await.expect(200);
        assert!(page.text().contains("portcullis_connections 0"), "{path}");
    }
    // A person needs the hub's own list as well, and its permission; nginx is only in front.
    let ada = site.from([0, 10]).caller;
    assert!(is_refused_by_nginx(&ada.get_as(&boss.access, "/api/users").await));
}

/// What openssl says to a handshake with these options.
async fn handshake(site: &PublicUrl, options: &[&str]) -> String {
    let mut openssl = tokio::process::Command::new("openssl");
    let address = site.nginx.tls.to_string();
    openssl.args(["s_client", "-connect", &address]).args(options);
    let output = openssl.stdin(std::process::Stdio::null()).output().await.unwrap();
    [output.stdout, output.stderr]
        .map(|said| String::from_utf8_lossy(&said).into_owned())
        .concat()
}

#[tokio::test]
async fn t02_nothing_older_than_tls_12_and_no_other_name() {
    let site = PublicUrl::start().await;
    let ours = ["-servername", "auth.example.org"];
    for version in ["-tls1_2", "-tls1_3"] {
        let said = handshake(&site, &[&ours[..], &[version]].concat()).await;
        assert!(
            said.contains("Verify return code") && said.contains("CN = a test"),
            "{version}: {said}"
        );
    }
    // The client's own floor is lowered, so that it is the server that refuses.
    for version in ["-tls1", "-tls1_1"] {
        let old = [&ours[..], &[version, "-cipher", "ALL:@SECLEVEL=0"]].concat();
        let said = handshake(&site, &old).await;
        assert!(said.contains("alert protocol version"), "{version}: {said}");
    }
    let other = handshake(&site, &["-servername", "evil.example.org"]).await;
    assert!(
        other.contains("unrecognized name") && !other.contains("a test"),
        "{other}"
    );
}

#[tokio::test]
async fn t14_no_token_of_a_mailed_link_is_in_a_log_and_refusals_are_in_the_hubs_words() {
    let mut site = PublicUrl::start().await;
    let outside = site.from([7, 4]).caller;
    let canary = "pcm_canary-of-the-log";
    for path in [
        format!("/recovery/{canary}"),
        format!("/activate/{canary}?x={canary}"),
    ] {
        outside.get(&path).await.expect(200);
    }
    outside
        .patch(&format!("/api/auth/activate/{canary}"))
        .await
        .problem(410, "token_spent");
    for size in [20, 40] {
        let body = serde_json::json!({ "email": "x".repeat(size * 1024) });
        outside
            .post("/api/users", body)
            .await
            .problem(413, "body_too_large");
    }
    for server in site.servers.drain(..) {
        server.terminate().await;
    }
    let away = outside.get(&format!("/recovery/{canary}")).await;
    away.problem(503, "unavailable");
    assert_eq!(away.header("retry-after"), Some("2"));
    let log = eventually("a line for each request", || async {
        let log = site.nginx.log();
        (log.len() >= 6).then_some(log)
    })
    .await;
    let said = site.nginx.said();
    assert!(!said.contains("canary"), "{said}");
    let text = format!("{log:?}");
    assert!(!text.contains("canary"), "{text}");
    assert!(text.contains("/api/auth/activate/[token]"), "{text}");
    let ids = log
        .iter()
        .filter(|line| line["request_id"].as_str().is_some_and(|id| !id.is_empty()));
    assert!(ids.count() >= 4, "a line leads to the hub's own: {text}");
}
