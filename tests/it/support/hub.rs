//! What backends do to connected people, and what the hub of a server in the test knows.

use portcullis::roles::Permission;
use portcullis::store::sessions::{EndReason, EndScope, Ending};
use serde_json::{Value, json};

use super::app::TestApp;
use super::eventually;
use super::http::{Answer, Caller};

impl Caller {
    /// Asks for a revocation.
    pub async fn try_revoke(&self, key: &str, query: &str, order: Value) -> Answer {
        self.post_as(key, &format!("/api/revocations{query}"), order)
            .await
    }

    /// Ends one session; gives the outcome.
    pub async fn revoke_session(&self, key: &str, session: &str) -> Value {
        let order = json!({ "session_id": session, "reason": "a test" });
        self.try_revoke(key, "", order).await.expect(200).json()
    }

    /// Gives a user another role; gives the new state's version.
    pub async fn assign(&self, key: &str, user: &str, role: &str) -> i64 {
        let path = format!("/api/users/{user}/site_role");
        let answer = self.put_as(key, &path, json!({ "role": role })).await.expect(200);
        answer.json()["version"].as_i64().unwrap()
    }
}

impl TestApp {
    /// A service key that may do everything.
    pub async fn backend(&self) -> String {
        self.service_key(Permission::ALL).await
    }

    /// How many sockets have a place in this server's registry.
    pub fn sockets(&self) -> usize {
        self.app.cx.hub.registry().len()
    }

    /// Waits until `count` sockets have a place in the registry.
    pub async fn sockets_become(&self, count: usize) {
        eventually(&format!("{count} sockets are open"), || async {
            (self.sockets() == count).then_some(())
        })
        .await;
    }

    /// Ends a session in SQL alone: no journal row, no announcement.
    pub async fn end_in_sql(&self, session: &str, reason: EndReason) {
        let ending = Ending {
            reason,
            scope: EndScope::Session,
            message: Some(format!("because of {}", reason.as_str())),
        };
        let id = session.parse().unwrap();
        let mut tx = self.app.cx.db.begin().await.unwrap();
        let ended = portcullis::store::sessions::end(&mut tx, id, &ending, self.now()).await;
        assert!(ended.unwrap().is_some(), "the session was live");
        tx.commit().await.unwrap();
    }
}
