//! What a person does to their own account: `/api/users/me` and below, and the links that belong to it.

mod deletion;
mod device;
mod email;
mod email_undo;
mod export;
mod password;
mod profile;
mod purposes;
mod sessions;

use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::people::{PASSWORD, Pair};
use crate::support::socket::TestSocket;

const ADA: &str = "ada@example.org";
const NEW: &str = "ada.new@example.org";
const OTHER_PASSWORD: &str = "a fresh passphrase nobody knew 4";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0";

impl TestApp {
    async fn change_password(&self, bearer: &str, current: Option<&str>, new: &str) -> Answer {
        let body = json!({ "current_password": current, "new_password": new });
        self.post_as(bearer, "/api/users/me/password", body).await
    }

    async fn ask_for_address(&self, bearer: &str, email: &str) -> Answer {
        let body = json!({ "email": email, "password": PASSWORD });
        self.post_as(bearer, "/api/users/me/email", body).await
    }

    async fn confirm_address(&self, token: &str) -> Answer {
        self.post(&format!("/api/users/me/email/{token}"), json!({}))
            .await
    }

    async fn undo_address(&self, token: &str) -> Answer {
        self.post(&format!("/api/users/email-undo/{token}"), json!({}))
            .await
    }

    async fn revoke_device(&self, token: &str) -> Answer {
        self.post(&format!("/api/auth/device-revoke/{token}"), json!({}))
            .await
    }

    async fn delete_me(&self, bearer: &str, body: Option<&Value>) -> Answer {
        self.call("DELETE", "/api/users/me", Some(bearer), body).await
    }

    /// Takes the password from the account, as of one that came by another provider.
    async fn without_password(&self, email: &str) {
        let sql = format!("update users set password_hash = null where email = '{email}' returning version");
        assert_eq!(self.number(sql).await, 1);
    }

    /// What the refusals of `action` answered, oldest first.
    async fn refusals(&self, action: &str) -> Vec<String> {
        let sql =
            format!("select outcome from audit where action = '{action}' and outcome <> 'ok' order by id");
        self.texts(&sql).await.into_iter().flatten().collect()
    }
}

/// Room for many passwords at once.
fn roomy() -> Tuning {
    Tuning::new().configure(|config| config.passwords.queue = 64)
}

/// Expects the event by which those that stay hear that the others have gone.
async fn hears_of_others(socket: &mut TestSocket, reason: &str) {
    let event = socket.frame("event").await;
    assert_eq!(event["name"], "session.revoked", "{event}");
    assert_eq!(event["data"], json!({ "session_id": null, "reason": reason }));
}

/// Fails unless the socket answers.
async fn is_open(socket: &mut TestSocket) {
    socket.say(json!({ "type": "token", "id": "a" })).await;
    socket.frame("token").await;
}
