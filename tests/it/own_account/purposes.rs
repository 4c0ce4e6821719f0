//! A mailed token opens what it was mailed for: at every other route it is unknown, and stays as good as it was.

use super::*;

/// What redeems a mailed token, and what is answered to who does.
const ROUTES: [(&str, &str, u16); 5] = [
    ("PATCH", "/api/auth/activate/", 200),
    ("POST", "/api/auth/recovery/", 204),
    ("POST", "/api/users/me/email/", 200),
    ("POST", "/api/users/email-undo/", 200),
    ("POST", "/api/auth/device-revoke/", 204),
];

impl TestApp {
    async fn redeem(&self, (method, path, _): (&str, &str, u16), token: &str) -> Answer {
        let body = match path {
            "/api/auth/recovery/" => json!({ "password": OTHER_PASSWORD }),
            _ => json!({}),
        };
        let body = (method == "POST").then_some(&body);
        self.call(method, &format!("{path}{token}"), None, body).await
    }

    /// A token for each of [`ROUTES`], each about another person.
    async fn one_of_each(&self) -> [String; 5] {
        self.register("new@example.org").await.expect(202);
        self.person("rec@example.org", "user").await;
        let email = json!({ "email": "rec@example.org" });
        self.post("/api/auth/recovery", email).await.expect(202);
        let (_, carol) = self.signed_in("carol@example.org", "user").await;
        self.ask_for_address(&carol.access, "carol.new@example.org")
            .await
            .expect(202);
        let (_, dora) = self.signed_in("dora@example.org", "user").await;
        self.ask_for_address(&dora.access, "dora.new@example.org")
            .await
            .expect(202);
        self.person(ADA, "user").await;
        self.sign_in_with(FIREFOX, "203.0.113.7", ADA).await;
        self.sign_in_with("curl/8", "203.0.113.7", ADA).await;
        [
            self.mailed_token("new@example.org", 1).await,
            self.mailed_token("rec@example.org", 1).await,
            self.mailed_token("carol.new@example.org", 1).await,
            self.mailed_token("dora@example.org", 1).await,
            self.mailed_token(ADA, 1).await,
        ]
    }
}

#[tokio::test]
async fn t07_a_token_of_one_purpose_is_refused_by_every_other_route_and_not_consumed() {
    let hub = Tuning::new().forwarded().spawn().await;
    let tokens = hub.one_of_each().await;
    for (number, token) in tokens.iter().enumerate() {
        for (other, route) in ROUTES.iter().enumerate().filter(|(other, _)| *other != number) {
            let answer = hub.redeem(*route, token).await;
            assert_eq!(
                answer.status,
                410,
                "token {number} at route {other}: {}",
                answer.text()
            );
            answer.problem(410, "token_spent");
        }
        let setup = json!({ "email": "boss@example.org", "password": PASSWORD });
        hub.post(&format!("/api/setup/{token}"), setup)
            .await
            .problem(410, "token_spent");
    }
    for (route, token) in ROUTES.iter().zip(&tokens) {
        let answer = hub.redeem(*route, token).await;
        assert_eq!(answer.status, route.2, "{route:?}: {}", answer.text());
        hub.redeem(*route, token).await.problem(410, "token_spent");
    }
}
