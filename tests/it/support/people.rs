//! People who use the hub: registered, activated, signed in.

use portcullis::accounts::NewUser;
use portcullis::audit::{Actor, Origin};
use portcullis::email::Email;
use portcullis::roles::Permission;
use portcullis::service_keys::NewServiceKey;
use reqwest::Method;
use serde_json::{Value, json};

use super::app::TestApp;
use super::http::{Answer, Caller};

/// A password that the policy takes.
pub const PASSWORD: &str = "correct horse battery staple 9";

/// The bcrypt hash of `password1`, at the least cost.
pub const BCRYPT: &str = "$2b$04$GkG7G9wIb3q28USjTCvYDuPEBc3IWn3h83AT8.WM.qMCYY3ZvXQay";

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub email: String,
}

/// What a sign-in gave.
#[derive(Clone, Debug)]
pub struct Pair {
    pub access: String,
    pub refresh: String,
    pub session: String,
    pub body: Value,
}

impl Pair {
    pub fn of(answer: &Answer) -> Self {
        let body = answer.json();
        let text = |key: &str| {
            body[key]
                .as_str()
                .unwrap_or_else(|| panic!("no {key} in {body}"))
                .to_owned()
        };
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
            session: text("session_id"),
            body,
        }
    }
}

impl Caller {
    pub async fn register(&self, email: &str) -> Answer {
        self.post("/api/users", json!({ "email": email, "password": PASSWORD }))
            .await
    }

    pub async fn try_sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("/api/auth", json!({ "email": email, "password": password }))
            .await
    }

    /// As by way of a proxy, from the address `from`: the server must be [`super::app::Tuning::forwarded`].
    pub async fn try_sign_in_from(&self, from: &str, email: &str, password: &str) -> Answer {
        let request = self.request(Method::POST, "/api/auth");
        let request = request.header("X-Forwarded-For", from);
        Answer::of(request.json(&json!({ "email": email, "password": password }))).await
    }

    /// With this program, from the address `from`: the server must be [`super::app::Tuning::forwarded`].
    pub async fn sign_in_with(&self, user_agent: &str, from: &str, email: &str) -> Pair {
        let request = self.request(Method::POST, "/api/auth");
        let request = request
            .header("User-Agent", user_agent)
            .header("X-Forwarded-For", from)
            .json(&json!({ "email": email, "password": PASSWORD }));
        Pair::of(&Answer::of(request).await.expect(200))
    }

    pub async fn sign_in(&self, email: &str) -> Pair {
        Pair::of(&self.try_sign_in(email, PASSWORD).await.expect(200))
    }

    /// Whether the session lives; ended it has to be by an act.
    pub async fn is_live(&self, pair: &Pair) -> bool {
        let answer = self.get_as(&pair.access, "/api/users/me").await;
        if answer.status == 200 {
            return true;
        }
        answer.problem(401, "session_revoked");
        false
    }

    pub async fn try_refresh(&self, token: &str) -> Answer {
        self.post("/api/auth/refresh", json!({ "refresh_token": token }))
            .await
    }
}

impl TestApp {
    /// An active user with this role, made as an operator would.
    pub async fn person(&self, email: &str, role: &str) -> Person {
        let user = NewUser {
            email: Email::parse(email).unwrap(),
            name: None,
            role: role.to_owned(),
            active: true,
            password: Some(PASSWORD.to_owned().into()),
            invite: false,
        };
        let id = self
            .app
            .accounts
            .create(user, &Origin::local(Actor::Operator))
            .await
            .unwrap();
        Person {
            id: id.to_string(),
            email: email.to_owned(),
        }
    }

    /// Disables the account, as an operator would.
    pub async fn disable(&self, person: &Person) {
        let id = person.id.parse().unwrap();
        let by = Origin::local(Actor::Operator);
        self.app.accounts.set_disabled(id, true, &by).await.unwrap();
    }

    /// An active user who has signed in.
    pub async fn signed_in(&self, email: &str, role: &str) -> (Person, Pair) {
        let person = self.person(email, role).await;
        let pair = self.sign_in(email).await;
        (person, pair)
    }

    /// The secret of a service key with these scopes.
    pub async fn service_key(&self, scopes: &[Permission]) -> String {
        let new = NewServiceKey {
            name: "a backend".to_owned(),
            scopes: scopes.to_vec(),
            allow: Vec::new(),
            expires_in: None,
        };
        let (_, secret) = self
            .app
            .service_keys
            .create(new, &Origin::local(Actor::Operator))
            .await
            .unwrap();
        secret.expose().to_owned()
    }
}
