//! Sessions: sign-in, refresh, sign-out, and the tokens that stand for a session.

mod access_token;
mod login;
mod refresh;
mod signing_keys;
mod socket_token;

use std::time::Duration;

use secrecy::SecretString;

use crate::audit::Origin;
use crate::clock::Timestamp;
use crate::context::Context;
use crate::email::Email;
use crate::ids::{SessionId, UserId};
use crate::limits::{Exceeded, Limits};
use crate::password::{Hasher, Overloaded};
use crate::secret::PlainToken;
use crate::store::sessions::Checked;
use crate::store::{
    self,
    users::{AuthState, User},
};

/// Why a sign-in or a token was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the address and the password do not belong together")]
    InvalidCredentials,
    #[error("the account was never activated")]
    AccountInactive,
    #[error("the account is disabled")]
    AccountDisabled,
    #[error("the token is malformed, unknown or expired")]
    InvalidToken,
    #[error("the session has ended")]
    SessionRevoked,
    #[error("an old refresh token was presented; the session has been ended")]
    RefreshReused,
    #[error("the token was minted over a socket; refresh over HTTP first")]
    RefreshRequired,
    #[error(transparent)]
    Limited(#[from] Exceeded),
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A key could not be read or a token not be signed: a fault of the server.
    #[error("signing failed: {0}")]
    Signing(String),
}

/// What a person signs in with.
#[derive(Debug)]
pub struct SignIn {
    pub email: Email,
    pub password: SecretString,
    /// What to call this device.
    pub device: Option<String>,
}

/// What a sign-in or a refresh answers.
#[derive(Debug)]
pub struct TokenPair {
    pub access_token: String,
    pub expires_in: Duration,
    pub refresh_token: PlainToken,
    pub refresh_expires_in: Duration,
    pub session_id: SessionId,
    pub user: User,
}

/// An access token and how long it lives.
#[derive(Debug, Clone)]
pub struct AccessToken {
    pub token: String,
    pub expires_in: Duration,
}

/// The person behind a valid access token, checked against SQL at this moment.
#[derive(Clone, Debug)]
pub struct Current {
    pub user_id: UserId,
    pub session_id: SessionId,
    pub authenticated_at: Timestamp,
    pub amr: Vec<String>,
    /// The access token was minted over a socket (`src: "socket"`).
    pub from_socket: bool,
    pub state: AuthState,
}

/// What signing out ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutScope {
    Session,
    Others,
    All,
}

/// What proves the right to sign out.
#[derive(Debug)]
pub enum LogoutProof {
    /// The text of a bearer access token; expired it ends its own session only.
    Access(PlainToken),
    Refresh(PlainToken),
}

/// A spent socket token: whose socket may open now.
#[derive(Clone, Copy, Debug)]
pub struct Redeemed {
    pub user_id: UserId,
    pub session_id: SessionId,
}

/// The session service. Clones share.
#[derive(Clone, Debug)]
pub struct Sessions {
    cx: Context,
    hasher: Hasher,
    limits: Limits,
}

impl Sessions {
    /// Loads the signing keys, or makes the first one; signs and verifies once, so that a broken key stops the start.
    pub async fn new(cx: Context, hasher: Hasher, limits: Limits) -> Result<Self, Error> {
        Ok(Self { cx, hasher, limits })
    }
    /// POST /api/auth
    pub async fn sign_in(&self, _who: SignIn, _by: &Origin) -> Result<TokenPair, Error> {
        todo!()
    }
    /// POST /api/auth/refresh
    pub async fn refresh(&self, _token: &PlainToken, _by: &Origin) -> Result<TokenPair, Error> {
        todo!()
    }
    /// POST /api/auth/logout. Unknown or dead tokens are no error.
    pub async fn log_out(&self, _proof: LogoutProof, _scope: LogoutScope, _by: &Origin) -> Result<(), Error> {
        todo!()
    }
    /// Verifies an access token and checks its session in SQL.
    pub async fn authenticate(&self, _bearer: &PlainToken) -> Result<Current, Error> {
        todo!()
    }
    /// GET /api/auth/socket: a socket token and its lifetime. `RefreshRequired` for `from_socket`.
    pub fn socket_token(&self, _current: &Current) -> Result<(PlainToken, Duration), Error> {
        todo!()
    }
    /// Verifies a socket token and spends it. `InvalidToken` (4102) or `TokenUsed` (4103).
    pub async fn redeem(&self, _token: &PlainToken) -> Result<Redeemed, RedeemError> {
        todo!()
    }
    /// A fresh access token for a session whose socket is open, marked `src: "socket"`.
    pub fn mint_over_socket(&self, _session: &Checked, _state: &AuthState) -> Result<AccessToken, Error> {
        todo!()
    }
    /// The JWK set (RFC 7517) as JSON.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        todo!()
    }
}

/// Why a socket token does not open a socket.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    #[error("the socket token is malformed, expired, or meant for something else")]
    Invalid,
    #[error("the socket token was used before")]
    Used,
    #[error(transparent)]
    Store(#[from] store::Error),
}
