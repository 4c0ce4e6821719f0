//! Access tokens (RFC 9068): minted for a session, verified, and checked against SQL on every request.
//!
//! The `jti` is `{TokenId}.{generation}`: an id of its own, and the generation of the refresh token that
//! it was issued with. So the first arrival of an access token proves that the answer to a refresh was
//! not lost, without anything being stored for each token.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::jwt::{self, Audience, Unverified, Validity};
use super::{AccessToken, Current, Error, Sessions};
use crate::clock::Timestamp;
use crate::ids::{SessionId, TokenId, UserId};
use crate::jws;
use crate::secret::PlainToken;
use crate::store;
use crate::store::sessions::Checked;
use crate::store::users::{AuthState, Status};

const TYPE: &str = "at+jwt";
/// The one client that tokens are issued to: the applications of this server.
pub const CLIENT_ID: &str = "portcullis";

/// What an access token is minted from.
#[derive(Debug)]
pub(super) struct Grant<'a> {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    /// Of the refresh token that is handed out with it.
    pub(super) generation: i64,
    pub(super) version: i64,
    pub(super) role: &'a str,
    pub(super) authenticated_at: Timestamp,
    pub(super) amr: &'a [String],
    /// When the session ends by itself: no token outlives it.
    pub(super) ends_at: Timestamp,
    pub(super) source: Option<Source>,
}

/// Where a token was minted, when not over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Source {
    Socket,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: UserId,
    client_id: &'a str,
    sid: SessionId,
    jti: String,
    iat: i64,
    exp: i64,
    ver: i64,
    role: &'a str,
    auth_time: i64,
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<Source>,
}

/// The claims as they are read: each required, each of exactly this type. Others are ignored.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: UserId,
    client_id: String,
    sid: SessionId,
    jti: String,
    iat: i64,
    exp: i64,
    #[serde(default, deserialize_with = "jws::present")]
    nbf: Option<i64>,
    #[serde(rename = "ver")]
    _version: i64,
    #[serde(rename = "role")]
    _role: String,
    #[serde(rename = "auth_time")]
    _auth_time: i64,
    #[serde(rename = "amr")]
    _amr: Vec<String>,
    #[serde(default, deserialize_with = "jws::present")]
    src: Option<Source>,
}

/// An access token that we signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verified {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) generation: i64,
    pub(super) from_socket: bool,
    pub(super) validity: Validity,
}

/// What no passing of time changes about an access token that we signed.
#[derive(Debug)]
pub(super) struct Known {
    /// The key that signed it.
    kid: String,
    user: UserId,
    session: SessionId,
    generation: i64,
    from_socket: bool,
    pub(super) jti: Box<str>,
    pub(super) iat: i64,
    pub(super) exp: i64,
    nbf: Option<i64>,
}

impl Claims {
    fn accept(self, issuer: &str, kid: String) -> Option<Known> {
        if self.iss != issuer || !self.aud.is(issuer) || self.client_id != CLIENT_ID {
            return None;
        }
        let (id, generation) = self.jti.rsplit_once('.')?;
        let _: TokenId = id.parse().ok()?;
        Some(Known {
            kid,
            user: self.sub,
            session: self.sid,
            generation: generation.parse().ok()?,
            from_socket: self.src == Some(Source::Socket),
            jti: self.jti.into(),
            iat: self.iat,
            exp: self.exp,
            nbf: self.nbf,
        })
    }
}

impl Known {
    pub(super) fn verify(&self, now: Timestamp) -> Option<Verified> {
        Some(Verified {
            user: self.user,
            session: self.session,
            generation: self.generation,
            from_socket: self.from_socket,
            validity: jwt::judge(self.iat, self.exp, self.nbf, now)?,
        })
    }
}

impl Sessions {
    /// Verifies an access token and checks its session in SQL: one read, shared with the requests of the
    /// same moment, and one write the first time that a token of a new refresh generation arrives.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::SessionRevoked`] (also when it ran out), or a failure of storage.
    pub async fn authenticate(&self, bearer: &PlainToken) -> Result<Current, Error> {
        let token = self.verify_access(bearer).await.ok_or(Error::InvalidToken)?;
        self.check_session(token).await
    }

    /// Checks the session of a verified token in SQL, as [`authenticate`](Self::authenticate) says.
    pub(super) async fn check_session(&self, token: Verified) -> Result<Current, Error> {
        if token.validity != Validity::Live {
            return Err(Error::InvalidToken);
        }
        let checked = self.checks.check(token.session).await?;
        let checked = checked.ok_or(Error::SessionRevoked)?;
        if checked.user_id != token.user {
            return Err(Error::InvalidToken);
        }
        let now = self.cx.now();
        if checked.ended(now).is_some() || checked.state.status != Status::Active {
            return Err(Error::SessionRevoked);
        }
        if !token.from_socket && token.generation > checked.used_generation {
            let mut single = self.cx.db.single().await?;
            store::sessions::used(&mut single, checked.id, token.generation, now).await?;
        }
        Ok(Current {
            user_id: checked.user_id,
            session_id: checked.id,
            authenticated_at: checked.authenticated_at,
            amr: checked.amr,
            from_socket: token.from_socket,
            state: checked.state,
        })
    }

    /// A fresh access token for a session whose socket is open, marked `src: "socket"`. It expires no
    /// later than the session, at `ends_at`.
    ///
    /// # Errors
    /// [`Error::Signing`].
    pub fn mint_over_socket(
        &self,
        session: &Checked,
        ends_at: Timestamp,
        state: &AuthState,
    ) -> Result<AccessToken, Error> {
        self.mint(&Grant {
            user: session.user_id,
            session: session.id,
            generation: session.generation,
            version: state.version,
            role: &state.role,
            authenticated_at: session.authenticated_at,
            amr: &session.amr,
            ends_at,
            source: Some(Source::Socket),
        })
    }

    /// Signs an access token for `grant`.
    pub(super) fn mint(&self, grant: &Grant<'_>) -> Result<AccessToken, Error> {
        let iat = self.cx.now().seconds();
        let lifetime = i64::from(self.cx.config.tokens.access_ttl);
        let exp = (iat + lifetime).min(grant.ends_at.seconds()).max(iat);
        let issuer = self.cx.site.issuer();
        let id = TokenId::generate(&self.cx.clock, &self.cx.rng);
        let claims = NewClaims {
            iss: issuer,
            aud: issuer,
            sub: grant.user,
            client_id: CLIENT_ID,
            sid: grant.session,
            jti: format!("{id}.{}", grant.generation),
            iat,
            exp,
            ver: grant.version,
            role: grant.role,
            auth_time: grant.authenticated_at.seconds(),
            amr: grant.amr,
            src: grant.source,
        };
        Ok(AccessToken {
            token: self.keys.present().sign(TYPE, &claims)?,
            expires_in: Duration::from_secs(u64::try_from(exp - iat).unwrap_or(0)),
        })
    }

    /// The token's claims, if one of our keys signed them for this purpose. It may have expired.
    pub(super) async fn verify_access(&self, bearer: &PlainToken) -> Option<Verified> {
        self.know_access(bearer).await?.verify(self.cx.now())
    }

    /// What is known of the token, if one of our keys signed it for this purpose.
    pub(super) async fn know_access(&self, bearer: &PlainToken) -> Option<Arc<Known>> {
        let hash = bearer.hash();
        if let Some(known) = self.known.get(&hash)
            && self.keys.holds(&known.kid)
        {
            return Some(known);
        }
        let parsed = Unverified::parse(bearer.expose(), TYPE)?;
        let key = self.keys.find(&parsed.kid).await?;
        let claims = parsed.open::<Claims>(&key)?;
        let known = Arc::new(claims.accept(self.cx.site.issuer(), parsed.kid)?);
        let verified = known.verify(self.cx.now());
        if verified.is_some_and(|token| token.validity == Validity::Live) {
            self.known.remember(hash, Arc::clone(&known));
        }
        Some(known)
    }
}

#[cfg(test)]
mod tests;
