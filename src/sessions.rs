//! Sessions: sign-in, refresh, sign-out, and the tokens that stand for a session.
//!
//! A session is one sign-in on one device. It is known by three tokens: a refresh token (opaque, stored
//! hashed), access tokens and socket tokens (signed, verified by signature and then, always, against the
//! session in SQL). Called by `http`, `socket` and `jobs`.

mod access_token;
mod beginning;
mod checks;
mod device;
mod introspection;
mod jwt;
mod key_rotation;
mod key_set;
mod known_tokens;
mod login;
mod logout;
pub mod overview;
mod own;
mod pretence;
mod refresh;
mod rotation;
mod signing_keys;
mod socket_token;
mod token_revocation;
mod trusted_browser;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::audit::Origin;
use crate::clock::Timestamp;
use crate::context::Context;
use crate::email::Email;
use crate::error::Code;
use crate::ids::{SessionId, UserId};
use crate::limits::{Exceeded, Limits};
use crate::mail::Letter;
use crate::password::{Hasher, Overloaded};
use crate::secret::{MasterKey, PlainToken};
use crate::store::sessions::Unspent;
use crate::store::users::{AuthState, User};
use crate::store::{self, Tx};

pub use access_token::CLIENT_ID;
pub use beginning::{Begun, OAUTH};
pub use trusted_browser::LIFETIME as TRUST_LIFETIME;

use access_token::Known;
use checks::Checks;
pub use introspection::{AccessFacts, Introspection, RefreshFacts};
pub use key_rotation::{Rotation, SigningKey, Withdrawal};
use known_tokens::KnownTokens;
use signing_keys::SigningKeys;
use socket_token::Ledger;

pub use device::{agent, plain_text};

/// The longest name of a device, in characters.
pub const MAX_DEVICE: usize = 100;
/// The longest `User-Agent` that is kept, in characters.
pub const MAX_USER_AGENT: usize = 256;

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
    #[error("there is no such session of yours")]
    NotFound,
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
    /// What the browser keeps of sign-ins before this one.
    pub kept: Kept,
}

/// What a browser keeps in cookies. Other clients keep none of it for the hub.
#[derive(Debug, Default)]
pub struct Kept {
    /// What [`SignedIn::browser`] was at an earlier sign-in, or claims to have been.
    pub browsers: Vec<PlainToken>,
    /// The refresh tokens that the new one takes the place of: nobody has them afterwards, so their sessions end.
    pub replaced: Vec<PlainToken>,
}

/// What a sign-in answers.
#[derive(Debug)]
pub struct SignedIn {
    pub pair: TokenPair,
    /// For a browser to keep, for [`TRUST_LIFETIME`]: it is trusted from now on.
    pub browser: PlainToken,
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
    pub state: Arc<AuthState>,
}

impl Current {
    /// How old a sign-in may be that proves by itself who asks.
    const FRESH: Duration = Duration::from_mins(5);

    /// Whether the person has signed in just now.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.authenticated_at) < Self::FRESH
    }
}

/// What signing out ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutScope {
    Session,
    Others,
    All,
}

impl LogoutScope {
    /// Its word, in requests and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Others => "others",
            Self::All => "all",
        }
    }
}

/// What proves the right to sign out.
#[derive(Debug)]
pub enum LogoutProof {
    /// The text of a bearer access token; expired it ends its own session only.
    Access(PlainToken),
    Refresh(PlainToken),
}

/// A good socket token, not spent by having been verified: whose socket may open.
#[derive(Clone, Copy, Debug)]
pub struct SocketToken {
    pub user_id: UserId,
    pub session_id: SessionId,
    unspent: Unspent,
}

/// The session service. Clones share.
#[derive(Clone, Debug)]
pub struct Sessions {
    cx: Context,
    hasher: Hasher,
    limits: Limits,
    keys: SigningKeys,
    known: KnownTokens<Arc<Known>>,
    checks: Checks,
    ledger: Ledger,
}

impl Sessions {
    /// Loads the signing keys, or makes the first ones; signs and verifies once, so that a broken key
    /// stops the start.
    ///
    /// # Errors
    /// [`Error::Signing`] when the keys cannot be used, naming `secrets.master` when it is not the one
    /// they were encrypted under; or a failure of storage.
    pub async fn new(cx: Context, hasher: Hasher, limits: Limits) -> Result<Self, Error> {
        let known = KnownTokens::default();
        let keys = SigningKeys::open(&cx, known.clone()).await?;
        let checks = Checks::of(&cx.db);
        Ok(Self {
            cx,
            hasher,
            limits,
            keys,
            known,
            checks,
            ledger: Ledger::default(),
        })
    }

    /// Enqueues `letter` to the owner of an account, in the language that follows from what `by` did.
    async fn write_to(
        &self,
        tx: &mut Tx,
        owner: &User,
        by: &Origin,
        letter: &Letter,
    ) -> Result<(), store::Error> {
        let mail = &self.cx.mail;
        let language = mail.language(owner.locale.as_deref(), by.languages.as_deref());
        mail.enqueue(tx, &owner.email, Some(owner.id), &language, letter)
            .await
    }

    /// The JWK set (RFC 7517) as JSON.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.keys.present().jwks(self.cx.now())
    }

    /// Reads the signing keys again. The ones at hand stay in force when that fails.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn reload_keys(&self) -> Result<(), Error> {
        self.keys.reload().await
    }
}

/// Whether `master` opens the private halves in `rows`. For `portcullis doctor`.
///
/// # Errors
/// Why it does not.
pub fn open_keys(rows: &[store::signing_keys::Row], master: &MasterKey) -> Result<(), Error> {
    key_set::KeySet::read(rows, master).map(drop)
}

impl Error {
    /// How what failed with this is counted: one of [`SIGN_IN_OUTCOMES`](crate::metric::SIGN_IN_OUTCOMES), or of
    /// [`REFRESH_OUTCOMES`](crate::metric::REFRESH_OUTCOMES).
    pub(crate) fn outcome(&self) -> Code {
        match self {
            Self::Limited(_) => Code::RateLimited,
            Self::Overloaded(_) => Code::Overloaded,
            Self::Store(error) if error.is_passing() => Code::Unavailable,
            other => refusal_code(other).unwrap_or(Code::Internal),
        }
    }
}

/// The public code of a refusal, for the audit log. `None`: no decision was made about anybody.
const fn refusal_code(error: &Error) -> Option<Code> {
    Some(match error {
        Error::InvalidCredentials => Code::InvalidCredentials,
        Error::AccountInactive => Code::AccountInactive,
        Error::AccountDisabled => Code::AccountDisabled,
        Error::InvalidToken => Code::InvalidToken,
        Error::SessionRevoked => Code::SessionRevoked,
        Error::RefreshReused => Code::RefreshReused,
        Error::RefreshRequired => Code::RefreshRequired,
        Error::NotFound | Error::Limited(_) | Error::Overloaded(_) | Error::Store(_) | Error::Signing(_) => {
            return None;
        }
    })
}

/// Why a socket token does not open a socket.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    #[error("the socket token is malformed, expired, or meant for something else")]
    Invalid,
    #[error("the socket token was used before")]
    Used,
}
