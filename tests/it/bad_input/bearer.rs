//! The one place where a credential may stand in a request.

use reqwest::Method;

use crate::support::app::TestApp;
use crate::support::http::Answer;

#[tokio::test]
async fn a_credential_stands_in_one_authorization_header_and_nowhere_else() {
    let app = TestApp::spawn().await;
    let (_, ada) = app.signed_in("ada@example.org", "user").await;
    let token = ada.access.as_str();
    let lower = format!("bearer {token}");
    let spaced = format!("Bearer    {token}");
    let two = format!("Bearer {token} {token}");
    let comma = format!("Bearer {token}, Bearer {token}");
    let quoted = format!("Bearer \"{token}\"");
    let huge = format!("Bearer {}", "a".repeat(9_000));
    let raw = token.to_owned();
    let basic = format!("Basic {token}");
    let dpop = format!("DPoP {token}");
    let joined = format!("Bearer{token}");
    let refresh = format!("Bearer {}", ada.refresh);
    for (value, status, code) in [
        (&lower, 200, ""),
        (&spaced, 200, ""),
        (&"Bearer".to_owned(), 401, "invalid_token"),
        (&"Bearer null".to_owned(), 401, "invalid_token"),
        (&"Bearer undefined".to_owned(), 401, "invalid_token"),
        (&"Bearer ..".to_owned(), 401, "invalid_token"),
        (&"Bearer pck_".to_owned(), 401, "invalid_token"),
        (&two, 401, "invalid_token"),
        (&comma, 401, "invalid_token"),
        (&quoted, 401, "invalid_token"),
        (&huge, 401, "invalid_token"),
        (&refresh, 401, "invalid_token"),
        (&raw, 401, "authentication_required"),
        (&basic, 401, "authentication_required"),
        (&dpop, 401, "authentication_required"),
        (&joined, 401, "authentication_required"),
        (&String::new(), 401, "authentication_required"),
    ] {
        let request = app
            .request(Method::GET, "/api/users/me")
            .header("authorization", value);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, status, "{value:.40}");
        if status == 401 {
            answer.problem(401, code);
            let challenge = answer.header("www-authenticate").unwrap();
            let names_error = challenge.contains(r#"error="invalid_token""#);
            assert_eq!(names_error, code == "invalid_token", "{value:.40}");
        }
    }
    let bearer = format!("Bearer {token}");
    for second in [bearer.as_str(), "Basic YTpi", "Bearer x"] {
        let request = app
            .request(Method::GET, "/api/users/me")
            .header("authorization", &bearer)
            .header("authorization", second);
        Answer::of(request).await.problem(400, "bad_request");
    }
    // Neither the address nor a cookie is looked at.
    let query = format!("/api/users/me?access_token={token}");
    app.get(&query).await.problem(401, "authentication_required");
    let cookie = format!(
        "access_token={token}; __Secure-portcullis_refresh={}",
        ada.refresh
    );
    let request = app.request(Method::GET, "/api/users/me").header("cookie", cookie);
    Answer::of(request).await.problem(401, "authentication_required");
}
