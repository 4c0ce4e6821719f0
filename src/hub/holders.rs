//! Tells those who hold a role that its permissions changed. One row of the journal stands for all of them, so
//! each node looks which of its own users they are. Called by the journal's tail.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Hub;
use super::outbox::Push;
use crate::ids::UserId;
use crate::store::journal::StateReason;
use crate::store::{self, users};

/// How many users one query asks for.
const BATCH: usize = 1_000;

impl Hub {
    /// Gives everybody here who holds `role` their new state, because of the row `sequence`.
    pub(super) async fn push_to_holders(&self, role: &str, sequence: i64) -> Result<(), store::Error> {
        let mut connected = BTreeSet::new();
        self.0.registry.for_each(|socket| {
            connected.insert(socket.user_id);
        });
        let connected: Vec<UserId> = connected.into_iter().collect();
        for users in connected.chunks(BATCH) {
            let (role, users) = (role.to_owned(), users.to_vec());
            let tx = self.0.db.watch().await?;
            let held = tx
                .in_time(move |tx| Box::pin(async move { users::auth_states(tx, &role, &users).await }))
                .await?;
            for (user, state) in held {
                let push = Push::state(Some(sequence), StateReason::RoleUpdated, Arc::new(state));
                self.0
                    .registry
                    .for_user(user, |socket| socket.outbox.push(push.clone()));
            }
        }
        Ok(())
    }
}
