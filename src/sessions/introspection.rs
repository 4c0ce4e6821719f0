//! Introspection (RFC 7662): what a token is worth at this moment, for a backend that is shown one.
//!
//! An access token is judged as the hub judges a bearer, its session in SQL included, and counts as
//! presented: its owner has it. A refresh token is only looked at; nothing is exchanged, no alarm is
//! raised. A socket token is for the hub alone, and active for nobody else.

use super::rotation::{Decision, PREFIX};
use super::{Current, Error, Sessions, refresh};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};
use crate::secret::PlainToken;
use crate::store::refresh_tokens;
use crate::store::sessions::check;

/// What a live token says.
#[derive(Clone, Debug)]
pub enum Introspection {
    Access(AccessFacts),
    Refresh(RefreshFacts),
}

/// A live access token; what may change is as it is now, not as it was when the token was issued.
#[derive(Clone, Debug)]
pub struct AccessFacts {
    pub current: Current,
    pub jti: Box<str>,
    /// Seconds since the epoch.
    pub issued_at: i64,
    /// Seconds since the epoch.
    pub expires_at: i64,
}

/// A refresh token that would be answered.
#[derive(Clone, Copy, Debug)]
pub struct RefreshFacts {
    pub user: UserId,
    pub session: SessionId,
    /// When the session ends unless it is refreshed.
    pub expires_at: Timestamp,
}

impl Sessions {
    /// POST /api/auth/introspect. `None`: the token is unknown, expired, of an ended session or a disabled
    /// user, or for something else. Which of these is not told.
    ///
    /// # Errors
    /// When storage fails: then nothing is known.
    pub async fn introspect(&self, token: &PlainToken) -> Result<Option<Introspection>, Error> {
        if token.expose().starts_with(PREFIX) {
            let found = self.introspect_refresh(token).await?;
            return Ok(found.map(Introspection::Refresh));
        }
        match self.introspect_access(token).await {
            Ok(facts) => Ok(Some(Introspection::Access(facts))),
            Err(Error::InvalidToken | Error::SessionRevoked) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn introspect_access(&self, token: &PlainToken) -> Result<AccessFacts, Error> {
        let known = self.know_access(token).await.ok_or(Error::InvalidToken)?;
        let verified = known.verify(self.cx.now()).ok_or(Error::InvalidToken)?;
        Ok(AccessFacts {
            current: self.check_session(verified).await?,
            jti: known.jti.clone(),
            issued_at: known.iat,
            expires_at: known.exp,
        })
    }

    async fn introspect_refresh(&self, token: &PlainToken) -> Result<Option<RefreshFacts>, Error> {
        let (mut read, hash) = (self.cx.db.read().await?, token.hash());
        let Some((user, id)) = refresh_tokens::owner(&mut read, &hash).await? else {
            return Ok(None);
        };
        let row = refresh_tokens::find(&mut read, &hash).await?;
        let (Some(row), Some(session)) = (row, check(&mut read, id).await?) else {
            return Ok(None);
        };
        let now = self.cx.now();
        let decision = self.judge(&row, &session, now);
        let live = refresh::refusal(&session, now).is_none() && decision != Decision::Reuse;
        Ok(live.then_some(RefreshFacts {
            user,
            session: id,
            expires_at: session.expires_at.min(session.idle_expires_at),
        }))
    }
}
