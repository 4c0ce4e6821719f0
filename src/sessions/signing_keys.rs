//! The keys that sign tokens: Ed25519, in SQL, encrypted under `secrets.master`, held in memory.
//!
//! A key is `next` (published, not signing), `active` (signs), `retired` (verifies until a point in
//! time) or `withdrawn` (verifies nothing); `key_rotation` moves it on. Every node reads the set when the
//! journal says so and every few seconds besides, and once more, at most once a second, when it meets a key
//! that it does not know: another node may have made it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::DecodingKey;
use tokio::sync::Mutex;

use super::Error;
use super::access_token::Known;
use super::key_rotation;
use super::key_set::KeySet;
use super::known_tokens::KnownTokens;
use crate::context::Context;
use crate::store::signing_keys::{self, KeyStatus, Row};
use crate::store::{self, Db};

/// An unknown `kid` makes a node read the keys again, but no more often than this.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// The present keys. Clones share.
#[derive(Clone, Debug)]
pub(super) struct SigningKeys {
    cx: Context,
    known: KnownTokens<Arc<Known>>,
    set: Arc<ArcSwap<KeySet>>,
    /// When the keys were last read because of an unknown `kid`. Held during every reading: those who meet
    /// the same new key wait for one reading and share it, and no set takes the place of one read later,
    /// which may know of a withdrawal.
    asked: Arc<Mutex<Option<Duration>>>,
}

impl SigningKeys {
    /// Reads the keys, making the missing ones, and tries them out. What was verified is in `known`.
    pub(super) async fn open(cx: &Context, known: KnownTokens<Arc<Known>>) -> Result<Self, Error> {
        let rows = signing_keys::list(&mut cx.db.read().await?).await?;
        let rows = if is_complete(&rows) {
            rows
        } else {
            key_rotation::make_missing(cx).await?
        };
        let set = KeySet::read(&rows, &cx.master)?;
        set.try_out(cx.now())?;
        Ok(Self {
            cx: cx.clone(),
            known,
            set: Arc::new(ArcSwap::from_pointee(set)),
            asked: Arc::default(),
        })
    }

    /// Reads the keys again. The old ones stay in force when that fails.
    pub(super) async fn reload(&self) -> Result<(), Error> {
        let _one_at_a_time = self.asked.lock().await;
        self.read_again().await
    }

    /// The set as it stands.
    pub(super) fn present(&self) -> Arc<KeySet> {
        self.set.load_full()
    }

    /// Whether the key still verifies, as far as is known here.
    pub(super) fn holds(&self, kid: &str) -> bool {
        self.set.load().find(kid, self.cx.now()).is_some()
    }

    /// The key that verifies what `kid` signed, looked for in SQL when it is not known here.
    pub(super) async fn find(&self, kid: &str) -> Option<DecodingKey> {
        let now = self.cx.now();
        if let Some(key) = self.set.load().find(kid, now) {
            return Some(key.clone());
        }
        let mut asked = self.asked.lock().await;
        if let Some(key) = self.set.load().find(kid, now) {
            return Some(key.clone());
        }
        let uptime = self.cx.clock.since_boot();
        if asked.is_some_and(|asked| uptime < asked + RELOAD_INTERVAL) {
            return None;
        }
        if let Err(error) = self.read_again().await {
            tracing::warn!(%error, "signing keys could not be read again");
        }
        *asked = Some(self.cx.clock.since_boot());
        self.set.load().find(kid, now).cloned()
    }

    /// To be called by who holds `asked`.
    async fn read_again(&self) -> Result<(), Error> {
        let later = KeySet::read(&read(&self.cx.db).await?, &self.cx.master)?;
        let before = self.set.swap(Arc::new(later));
        if before.loses_to(&self.set.load()) {
            tracing::warn!("a signing key was withdrawn: sockets are asked to come back with new tokens");
            self.known.forget();
            // Whoever had the key may have opened sockets with it, and gets new tokens over them. Everybody
            // else comes back.
            self.cx.hub.spread_out(self.cx.hub.limits().drain);
        }
        Ok(())
    }
}

/// Every key, on a connection that a crowd at sign-in cannot take.
async fn read(db: &Db) -> Result<Vec<Row>, store::Error> {
    let tx = db.watch().await?;
    tx.in_time(|tx| Box::pin(signing_keys::list(tx))).await
}

fn is_complete(rows: &[Row]) -> bool {
    [KeyStatus::Active, KeyStatus::Next]
        .iter()
        .all(|status| rows.iter().any(|row| row.status == *status))
}
