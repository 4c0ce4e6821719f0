//! The life of a signing key: `next`, `active`, `retired`, and at any time `withdrawn`.
//!
//! A key is published for as long as it is `next`, before it signs; once retired it verifies until the last
//! token that it signed has expired. Every step is one transaction under one lock, so that there is always
//! exactly one active and one next key; the journal tells the nodes. Called by `cli` and `jobs`.

use std::time::Duration;

use serde_json::json;

use super::key_set::generate;
use super::{Error, Sessions};
use crate::audit::{self, Action, Actor, Origin, Record};
use crate::clock::Timestamp;
use crate::context::Context;
use crate::error::Code;
use crate::jws;
use crate::store::journal::{Change, NewEntry};
use crate::store::signing_keys::{self, KeyStatus, Row};
use crate::store::{self, Tx, journal};

/// How much longer a retired key verifies than what it signed lives: for nodes that have not heard of it
/// yet, and for clocks that differ.
const MARGIN: Duration = Duration::from_mins(1);

/// A signing key, without its private half.
#[derive(Clone, Debug)]
pub struct SigningKey {
    pub kid: String,
    pub status: KeyStatus,
    /// Since when it has been published.
    pub created_at: Timestamp,
    /// Of a retired key, when it ceases to verify; of a withdrawn one, when it did.
    pub verifies_until: Option<Timestamp>,
}

impl From<&Row> for SigningKey {
    fn from(row: &Row) -> Self {
        Self {
            kid: row.kid.clone(),
            status: row.status,
            created_at: row.created_at,
            verifies_until: row.verifies_until,
        }
    }
}

/// What a rotation did.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Signs from now on.
    pub active: SigningKey,
    /// Goes on to verify what it signed.
    pub retired: SigningKey,
}

/// What a withdrawal did.
#[derive(Clone, Debug)]
pub struct Withdrawal {
    /// What the key was before. [`KeyStatus::Withdrawn`]: nothing changed.
    pub was: KeyStatus,
    /// The key that signs now.
    pub active: String,
}

impl Sessions {
    /// Every signing key that is kept, newest first.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, Error> {
        let rows = signing_keys::list(&mut self.cx.db.read().await?).await?;
        Ok(rows.iter().map(SigningKey::from).collect())
    }

    /// Lets the next key sign, and makes another one that follows it. What the former key signed stays
    /// valid until it expires.
    ///
    /// # Errors
    /// [`Error::Signing`] when a key cannot be made, or a failure of storage.
    pub async fn rotate_keys(&self, by: &Origin) -> Result<Rotation, Error> {
        let tx = self.cx.db.begin().await?;
        let (tx, keys) = Keys::lock(tx).await?;
        self.rotate(tx, keys, by).await
    }

    /// Rotates where `tokens.key_rotation` has passed since the present key began to sign: since then its
    /// successor has been published. Of many nodes that find it due, one does it. Answers whether it did.
    ///
    /// # Errors
    /// As [`rotate_keys`](Self::rotate_keys).
    pub async fn rotate_keys_when_due(&self) -> Result<bool, Error> {
        let every = Duration::from_secs(self.cx.config.tokens.key_rotation.into());
        let is_due = |since: Timestamp| !every.is_zero() && since + every <= self.cx.now();
        if !self.keys.present().next_since().is_some_and(is_due) {
            return Ok(false);
        }
        let (tx, keys) = Keys::lock(self.cx.db.begin().await?).await?;
        let still = keys
            .find(KeyStatus::Next)
            .is_some_and(|next| is_due(next.created_at));
        if still {
            self.rotate(tx, keys, &Origin::local(Actor::System)).await?;
        }
        Ok(still)
    }

    async fn rotate(&self, mut tx: Tx, keys: Keys, by: &Origin) -> Result<Rotation, Error> {
        let until = self.cx.now() + self.overlap();
        let retired = SigningKey {
            status: KeyStatus::Retired,
            verifies_until: Some(until),
            ..keys.required(KeyStatus::Active)?.into()
        };
        let active = SigningKey {
            status: KeyStatus::Active,
            ..keys.required(KeyStatus::Next)?.into()
        };
        signing_keys::put_away(&mut tx, &retired.kid, KeyStatus::Retired, until).await?;
        signing_keys::activate(&mut tx, &active.kid).await?;
        insert(&mut tx, &self.cx, KeyStatus::Next).await?;
        let details = json!({ "active": active.kid, "retired": retired.kid, "verifies_until": until });
        self.finish(tx, Action::SigningKeyRotate, details, by).await?;
        Ok(Rotation { active, retired })
    }

    /// Withdraws a key: nothing that it signed is good any more. In the place of an active key the next one
    /// signs at once, so that nobody is locked out. `None`: there is no such key.
    ///
    /// # Errors
    /// As [`rotate_keys`](Self::rotate_keys).
    pub async fn withdraw_key(&self, kid: &str, by: &Origin) -> Result<Option<Withdrawal>, Error> {
        let (mut tx, keys) = Keys::lock(self.cx.db.begin_revocation().await?).await?;
        let Some(key) = keys.0.iter().find(|row| row.kid == kid) else {
            let record = Record::refused(Action::SigningKeyWithdraw, Code::NotFound);
            let record = record.details(json!({ "withdrawn": kid }));
            audit::record(&mut tx, &self.cx, by, record).await?;
            tx.commit().await?;
            return Ok(None);
        };
        let was = key.status;
        let successor = match was {
            KeyStatus::Active => KeyStatus::Next,
            _ => KeyStatus::Active,
        };
        let active = keys.required(successor)?.kid.clone();
        let done = Withdrawal { was, active };
        if was == KeyStatus::Withdrawn {
            return Ok(Some(done));
        }
        signing_keys::put_away(&mut tx, kid, KeyStatus::Withdrawn, self.cx.now()).await?;
        if was == KeyStatus::Active {
            signing_keys::activate(&mut tx, &done.active).await?;
        }
        if was != KeyStatus::Retired {
            insert(&mut tx, &self.cx, KeyStatus::Next).await?;
        }
        let details = json!({ "withdrawn": kid, "was": was.as_str(), "active": done.active });
        self.finish(tx, Action::SigningKeyWithdraw, details, by).await?;
        Ok(Some(done))
    }

    /// How long a key verifies after it was retired: as long as any node may sign with it because it has
    /// not heard yet (over its sockets, while their lease lasts), and then as long as what was signed lives.
    fn overlap(&self) -> Duration {
        let tokens = &self.cx.config.tokens;
        let longest = tokens.access_ttl.max(tokens.socket_ttl);
        self.cx.hub.limits().lease + Duration::from_secs(longest.into()) + jws::LEEWAY + MARGIN
    }

    /// Writes journal and audit log, commits, and tells the nodes, this one first.
    async fn finish(
        &self,
        mut tx: Tx,
        action: Action,
        details: serde_json::Value,
        by: &Origin,
    ) -> Result<(), Error> {
        let entry = NewEntry {
            user_id: None,
            session_id: None,
            version: None,
            change: Change::SigningKeys,
        };
        let entry = journal::append(&mut tx, entry, self.cx.now()).await?;
        audit::record(&mut tx, &self.cx, by, Record::done(action).details(details)).await?;
        tx.commit().await?;
        self.cx.hub.announce_only(&[entry]);
        if let Err(error) = self.keys.reload().await {
            // It is done all the same, and what reads the keys every few seconds finds it.
            tracing::warn!(%error, "signing keys could not be read again");
        }
        Ok(())
    }
}

/// Every key, while nobody else changes them.
struct Keys(Vec<Row>);

impl Keys {
    async fn lock(mut tx: Tx) -> Result<(Tx, Self), store::Error> {
        signing_keys::lock(&mut tx).await?;
        let rows = signing_keys::list(&mut tx).await?;
        Ok((tx, Self(rows)))
    }

    fn find(&self, status: KeyStatus) -> Option<&Row> {
        self.0.iter().find(|row| row.status == status)
    }

    fn required(&self, status: KeyStatus) -> Result<&Row, Error> {
        let missing = || {
            let name = status.as_str();
            Error::Signing(format!(
                "there is no signing key that is {name}; a node that starts makes one"
            ))
        };
        self.find(status).ok_or_else(missing)
    }
}

/// Makes a key and writes it.
async fn insert(tx: &mut Tx, cx: &Context, status: KeyStatus) -> Result<Row, Error> {
    let row = generate(status, &cx.master, &cx.rng, cx.now())?;
    signing_keys::insert(tx, &row).await?;
    Ok(row)
}

/// Makes the active and the next key where they are missing. Nodes that start at once wait for each
/// other at the lock, and all but the first find nothing to do.
pub(super) async fn make_missing(cx: &Context) -> Result<Vec<Row>, Error> {
    let (mut tx, Keys(mut rows)) = Keys::lock(cx.db.begin().await?).await?;
    for status in [KeyStatus::Active, KeyStatus::Next] {
        if !rows.iter().any(|row| row.status == status) {
            rows.push(insert(&mut tx, cx, status).await?);
        }
    }
    tx.commit().await?;
    Ok(rows)
}
