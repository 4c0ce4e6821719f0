//! Signing out: this session, the others, or all of a person's.
//!
//! Signing out always succeeds for the caller: an unknown or dead token proves nothing and ends nothing.

use super::jwt::Validity;
use super::rotation::Decision;
use super::{Error, LogoutProof, LogoutScope, Sessions};
use crate::audit::{self, Action, Origin, Record};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};
use crate::secret::PlainToken;
use crate::store::journal::{Change, NewEntry};
use crate::store::sessions::{EndReason, EndScope, Ending, Selection};
use crate::store::{self, Tx, journal, refresh_tokens, users};

/// What a proof proves.
#[derive(Clone, Copy)]
pub(super) struct Proven {
    pub(super) user: UserId,
    /// The session that asks.
    pub(super) by: SessionId,
    /// The one that ends, or that alone stays, as `scope` says.
    pub(super) session: SessionId,
    pub(super) scope: LogoutScope,
}

impl Sessions {
    /// POST /api/auth/logout. Unknown or dead tokens are no error.
    ///
    /// An access token that expired, and a refresh token by which nothing could be refreshed any more, end their
    /// own session only, whatever `scope` says.
    ///
    /// # Errors
    /// When storage fails; nothing has ended then.
    pub async fn log_out(&self, proof: LogoutProof, scope: LogoutScope, by: &Origin) -> Result<(), Error> {
        let mut tried = self.limits.sign_out(by.ip).await;
        let ended = match self.prove(&proof, scope).await? {
            Some(proven) => self.end_proven(proven, by).await?,
            None => false,
        };
        if !ended {
            tried.count();
        }
        self.limits.signed_out(tried).await;
        Ok(())
    }

    /// Ends what `proven` names, and pushes. False, and nothing is done, when the session that asks has ended.
    ///
    /// # Errors
    /// [`Error::Limited`] after too many times that nothing was left to end, for whoever ends others and not their
    /// own: a session that ends itself cannot ask again. Or when storage fails.
    pub(super) async fn end_proven(&self, proven: Proven, by: &Origin) -> Result<bool, Error> {
        let elsewhere = match proven.scope {
            LogoutScope::Session => proven.session != proven.by,
            LogoutScope::Others => true,
            LogoutScope::All => false,
        };
        if !elsewhere {
            return Ok(self.end(proven, by).await?.is_some());
        }
        let mut attempt = self.limits.sign_out_elsewhere(proven.by).await?;
        let ended = self.end(proven, by).await?;
        if ended.is_none_or(|ended| ended == 0) {
            attempt.count();
        }
        self.limits.settle(attempt).await;
        Ok(ended.is_some())
    }

    /// How many sessions ended, which may be none; `None` when the one that asks has ended before.
    async fn end(&self, proven: Proven, by: &Origin) -> Result<Option<u64>, Error> {
        let now = self.cx.now();
        let mut tx = self.cx.db.begin().await?;
        users::lock(&mut tx, proven.user).await?;
        let session = store::sessions::check(&mut tx, proven.by).await?;
        // A session that has ended has no right left to end others.
        if !session.is_some_and(|it| it.user_id == proven.user && it.ended(now).is_none()) {
            return Ok(None);
        }
        let (ended, change) = end(&mut tx, proven, now).await?;
        // Nobody was signed out: nothing has happened, and nothing is written down.
        if ended == 0 {
            return Ok(Some(0));
        }
        // Who signs out where they are comes back there. Another session is ended for fear of who has it.
        if proven.scope != LogoutScope::Session || proven.session != proven.by {
            users::distrust_browsers(&mut tx, proven.user).await?;
        }
        let entry = NewEntry {
            user_id: Some(proven.user),
            session_id: (proven.scope == LogoutScope::Session).then_some(proven.session),
            version: None,
            change,
        };
        let entry = journal::append(&mut tx, entry, now).await?;
        let record = Record::done(Action::SessionLogout)
            .user(proven.user)
            .session(proven.session)
            .details(serde_json::json!({ "scope": proven.scope.as_str(), "sessions": ended }));
        audit::record(&mut tx, &self.cx, by, record).await?;
        tx.commit().await?;
        self.cx.hub.announce(&[entry]).await;
        Ok(Some(ended))
    }

    async fn prove(&self, proof: &LogoutProof, scope: LogoutScope) -> Result<Option<Proven>, Error> {
        match proof {
            LogoutProof::Access(bearer) => Ok(self.verify_access(bearer).await.map(|token| Proven {
                user: token.user,
                by: token.session,
                session: token.session,
                scope: match token.validity {
                    Validity::Live => scope,
                    Validity::Expired => LogoutScope::Session,
                },
            })),
            LogoutProof::Refresh(token) => self.prove_by_refresh(token, scope).await,
        }
    }

    /// A refresh token that would be taken for a stolen copy proves its own session only. One that was exchanged,
    /// but whose successor may have been lost, is all that its owner has.
    pub(super) async fn prove_by_refresh(
        &self,
        token: &PlainToken,
        scope: LogoutScope,
    ) -> Result<Option<Proven>, Error> {
        let mut read = self.cx.db.read().await?;
        let hash = token.hash();
        let owner = refresh_tokens::owner(&mut read, &hash).await?;
        let Some((user, session)) = owner else {
            return Ok(None);
        };
        let row = refresh_tokens::find(&mut read, &hash).await?;
        let facts = row.zip(store::sessions::check(&mut read, session).await?);
        let now = self.cx.now();
        let good = facts.is_some_and(|(row, session)| self.judge(&row, &session, now) != Decision::Reuse);
        Ok(Some(Proven {
            user,
            by: session,
            session,
            scope: if good { scope } else { LogoutScope::Session },
        }))
    }
}

/// Ends what was asked for; answers how many sessions, and what the journal says of it.
async fn end(tx: &mut Tx, proven: Proven, now: Timestamp) -> Result<(u64, Change), Error> {
    let reason = EndReason::Logout;
    let ending = |scope| Ending {
        reason,
        scope,
        message: None,
    };
    let except = match proven.scope {
        LogoutScope::Session => {
            let ended = store::sessions::end(tx, proven.session, &ending(EndScope::Session), now).await?;
            return Ok((
                ended.map_or(0, |_| 1),
                Change::SessionEnded {
                    reason,
                    message: None,
                },
            ));
        }
        LogoutScope::Others => Some(proven.session),
        LogoutScope::All => None,
    };
    let which = Selection::User {
        id: proven.user,
        except,
    };
    let ended = store::sessions::end_many(tx, &which, &ending(EndScope::User), now).await?;
    Ok((
        ended,
        Change::UserSessionsEnded {
            reason,
            except,
            message: None,
        },
    ))
}
