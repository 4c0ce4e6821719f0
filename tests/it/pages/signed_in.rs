//! Whether the page to sign in asks the hub who is signed in: only where the browser may hold a session.

use reqwest::Method;
use serde_json::json;

use super::tags;
use crate::support::app::TestApp;
use crate::support::http::Answer;
use crate::support::people::PASSWORD;

/// Whether its script asks, in a browser with these cookies.
async fn asks(hub: &TestApp, cookies: &str) -> bool {
    let request = hub.request(Method::GET, "/sign-in").header("cookie", cookies);
    let page = Answer::of(request).await.expect(200);
    let tags = tags(page.text());
    let form = tags.iter().find(|tag| tag.attribute("data-next").is_some());
    form.unwrap().attribute("data-ask").is_some()
}

#[tokio::test]
async fn the_page_to_sign_in_asks_who_is_signed_in_only_where_somebody_may_be() {
    let hub = TestApp::spawn().await;
    hub.person("ada@example.org", "user").await;
    let request = |path: &str| {
        hub.request(Method::POST, path)
            .header("x-portcullis-mode", "cookie")
            .header("origin", format!("http://{}", hub.address))
    };
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let signed_in = Answer::of(request("/api/auth").json(&body)).await.expect(200);
    // A browser sends to a page what is set for its path.
    let sent_to_pages = |answer: &Answer| {
        let lines = answer.headers.get_all("set-cookie").iter();
        let cookies = lines.map(|line| line.to_str().unwrap());
        let pairs = cookies.filter(|line| line.contains("; Path=/; "));
        let pairs = pairs.map(|line| line.split_once("; ").unwrap().0.to_owned());
        pairs.collect::<Vec<_>>().join("; ")
    };
    let cookies = sent_to_pages(&signed_in);
    assert_eq!(cookies, "portcullis_signed_in=1", "no token is sent to a page");
    assert!(asks(&hub, &format!("portcullis_language=en; {cookies}")).await);
    let signed_out = Answer::of(request("/api/auth/logout").header("content-type", "application/json")).await;
    let cookies = sent_to_pages(&signed_out.expect(204));
    assert_eq!(cookies, "portcullis_signed_in=");
    for cookies in [&*cookies, "", "portcullis_language=en"] {
        assert!(!asks(&hub, cookies).await, "{cookies:?}");
    }
}
