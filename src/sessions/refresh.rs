//! Refresh: a refresh token is exchanged for its successor, and an old one raises the alarm.
//!
//! A successor is the HMAC of its parent under the master secret, so that the same token presented
//! again gets the same successor without its text being stored anywhere: tabs that refresh at once, and
//! clients that lost an answer, converge. What is no such repetition is a copy in other hands.

use std::time::Duration;

use super::access_token::Grant;
use super::rotation::{self, Decision, Facts, decide};
use super::{Error, Sessions, TokenPair};
use crate::audit::{self, Action, Origin, Record};
use crate::clock::Timestamp;
use crate::error::Code;
use crate::ids::{SessionId, UserId};
use crate::mail::Letter;
use crate::metric;
use crate::secret::PlainToken;
use crate::store::journal::{Change, NewEntry};
use crate::store::refresh_tokens::Presented;
use crate::store::sessions::{Checked, EndReason, EndScope, Ending};
use crate::store::users::{Status, User};
use crate::store::{self, Tx, journal, refresh_tokens, users};

/// How an exchange ended. What was refused has changed nothing.
enum Exchange {
    Granted(Box<Granted>),
    Refused {
        error: Error,
        owner: Option<(UserId, SessionId)>,
    },
    /// The session was ended for it.
    Reused,
}

struct Granted {
    session: Checked,
    user: User,
    refresh_token: PlainToken,
    generation: i64,
    at: Timestamp,
    ends_at: Timestamp,
}

impl Sessions {
    /// POST /api/auth/refresh
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::SessionRevoked`]; [`Error::RefreshReused`] once the session has
    /// been ended for it; [`Error::Limited`], or a failure of storage.
    pub async fn refresh(&self, token: &PlainToken, by: &Origin) -> Result<TokenPair, Error> {
        let result = self.try_refresh(token, by).await;
        let outcome = result
            .as_ref()
            .err()
            .map_or("ok", |error| error.outcome().as_str());
        metrics::counter!(metric::REFRESHES, "outcome" => outcome).increment(1);
        result
    }

    async fn try_refresh(&self, token: &PlainToken, by: &Origin) -> Result<TokenPair, Error> {
        self.limits.token(by.ip).await?;
        match self.exchange(token, by).await? {
            Exchange::Granted(granted) => self.pair(*granted),
            Exchange::Refused { error, owner } => {
                self.audit_refused_refresh(&error, owner, by).await?;
                Err(error)
            }
            Exchange::Reused => Err(Error::RefreshReused),
        }
    }

    /// One transaction, in which the user and then the session are locked first, as everywhere: of all who
    /// present a token of one session, each sees what the one before has done. An alarm is part of it, so
    /// that nobody who goes away before the answer has learned anything without raising it.
    async fn exchange(&self, token: &PlainToken, by: &Origin) -> Result<Exchange, Error> {
        let refused = |error, owner| Ok(Exchange::Refused { error, owner });
        let hash = token.hash();
        let mut tx = self.cx.db.begin().await?;
        let Some(user) = refresh_tokens::lock_owner(&mut tx, &hash).await? else {
            return refused(Error::InvalidToken, None);
        };
        let presented = refresh_tokens::lock_session(&mut tx, &hash).await?;
        let Some(Presented { token: row, session }) = presented else {
            return refused(Error::SessionRevoked, None);
        };
        let owner = (user.id, session.id);
        let now = self.cx.now();
        if let Some(error) = refusal(&session, now) {
            return refused(error, Some(owner));
        }
        let decision = self.judge(&row, &session, now);
        let next = rotation::successor(&self.cx.master, token);
        match decision {
            // Not there: `secrets.master` is another one than when the successor was made.
            Decision::Repeat if refresh_tokens::find(&mut tx, &next.hash()).await?.is_none() => {
                return refused(Error::InvalidToken, Some(owner));
            }
            Decision::Rotate | Decision::Repeat => {}
            Decision::Reuse => {
                self.end_reused(tx, owner, row.generation, now, by).await?;
                return Ok(Exchange::Reused);
            }
        }
        let idle = now + Duration::from_secs(self.cx.config.tokens.refresh_idle.into());
        let ends_at = idle.min(session.expires_at);
        let (presented, generation) = (row.generation, row.generation + 1);
        if decision == Decision::Rotate {
            let exchange = refresh_tokens::Exchange {
                presented: &hash,
                successor: &next.hash(),
                session: session.id,
                generation: presented,
                idle_expires_at: ends_at,
                now,
            };
            refresh_tokens::exchange(&mut tx, &exchange).await?;
        } else {
            store::sessions::refreshed(&mut tx, session.id, presented, generation, ends_at, now).await?;
        }
        let granted = Granted {
            session,
            user,
            refresh_token: next,
            generation,
            at: now,
            ends_at,
        };
        self.grant(tx, granted, by).await
    }

    /// What presenting this token of a live session at `now` comes to.
    pub(super) fn judge(&self, token: &refresh_tokens::Row, session: &Checked, now: Timestamp) -> Decision {
        decide(Facts {
            generation: token.generation,
            rotated_at: token.rotated_at,
            used_generation: session.used_generation,
            now,
            grace: Duration::from_secs(self.cx.config.tokens.refresh_grace.into()),
        })
    }

    /// Writes the audit log, and commits: the successor may be handed out.
    async fn grant(&self, mut tx: Tx, granted: Granted, by: &Origin) -> Result<Exchange, Error> {
        let record = Record::done(Action::SessionRefresh)
            .user(granted.user.id)
            .session(granted.session.id)
            .details(serde_json::json!({ "generation": granted.generation }));
        audit::record(&mut tx, &self.cx, by, record).await?;
        tx.commit().await?;
        Ok(Exchange::Granted(Box::new(granted)))
    }

    fn pair(&self, granted: Granted) -> Result<TokenPair, Error> {
        let Granted {
            session,
            user,
            refresh_token,
            generation,
            at,
            ends_at,
        } = granted;
        let access = self.mint(&Grant {
            user: user.id,
            session: session.id,
            generation,
            version: user.version,
            role: &user.site_role,
            authenticated_at: session.authenticated_at,
            amr: &session.amr,
            ends_at,
            source: None,
        })?;
        Ok(TokenPair {
            access_token: access.token,
            expires_in: access.expires_in,
            refresh_token,
            refresh_expires_in: ends_at.since(at),
            session_id: session.id,
            user,
        })
    }

    /// Ends the live session whose old token was presented, mails its owner, commits, and pushes that. The
    /// user and the session are locked.
    async fn end_reused(
        &self,
        mut tx: Tx,
        (user, session): (UserId, SessionId),
        generation: i64,
        now: Timestamp,
        by: &Origin,
    ) -> Result<(), Error> {
        let reason = EndReason::RefreshReused;
        let ending = Ending {
            reason,
            scope: EndScope::Session,
            message: None,
        };
        store::sessions::end(&mut tx, session, &ending, now).await?;
        // Where the refresh token was copied from, the browser's token may have been as well.
        users::distrust_browsers(&mut tx, user).await?;
        let entry = NewEntry {
            user_id: Some(user),
            session_id: Some(session),
            version: None,
            change: Change::SessionEnded {
                reason,
                message: None,
            },
        };
        let entry = journal::append(&mut tx, entry, now).await?;
        self.tell_of_reuse(&mut tx, session, user, by).await?;
        let record = Record::refused(Action::SessionReuse, Code::RefreshReused)
            .user(user)
            .session(session)
            .details(serde_json::json!({ "generation": generation }));
        audit::record(&mut tx, &self.cx, by, record).await?;
        tx.commit().await?;
        self.cx.hub.announce(&[entry]).await;
        self.cx.mail.wake();
        Ok(())
    }

    async fn tell_of_reuse(
        &self,
        tx: &mut Tx,
        session: SessionId,
        user: UserId,
        by: &Origin,
    ) -> Result<(), Error> {
        let Some(owner) = users::find(tx, user).await? else {
            return Ok(());
        };
        let letter = Letter::TokenReuse {
            device: store::sessions::device(tx, session).await?,
            ip: by.ip.map(|ip| ip.to_string()),
            name: owner.name.clone(),
        };
        Ok(self.write_to(tx, &owner, by, &letter).await?)
    }

    async fn audit_refused_refresh(
        &self,
        error: &Error,
        owner: Option<(UserId, SessionId)>,
        by: &Origin,
    ) -> Result<(), Error> {
        let Some(code) = super::refusal_code(error) else {
            return Ok(());
        };
        let mut record = Record::refused(Action::SessionRefresh, code);
        if let Some((user, session)) = owner {
            record = record.user(user).session(session);
        }
        Ok(audit::write(&self.cx, by, record).await?)
    }
}

/// Why no token of this session can be refreshed, if none can.
pub(super) fn refusal(session: &Checked, now: Timestamp) -> Option<Error> {
    match session.ended(now) {
        Some(ending) if ending.reason == EndReason::Expired => Some(Error::InvalidToken),
        Some(_) => Some(Error::SessionRevoked),
        None if session.state.status != Status::Active => Some(Error::SessionRevoked),
        None => None,
    }
}
