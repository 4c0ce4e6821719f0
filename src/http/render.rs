//! How what services answer looks as JSON: the shapes that more than one route shares.

use serde::Serialize;
use utoipa::ToSchema;

use super::schemas::UserStatus;
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};
use crate::sessions::TokenPair;
use crate::store::users::{AuthState, Status, User};

/// A person's record, the same everywhere.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserJson {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    #[schema(format = Email)]
    email: String,
    email_verified: bool,
    name: Option<String>,
    locale: Option<String>,
    avatar_url: Option<String>,
    #[schema(value_type = UserStatus, inline)]
    status: Status,
    site_role: String,
    /// Grows by one with each change of the auth state.
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<User> for UserJson {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            name: user.name,
            locale: user.locale,
            avatar_url: user.avatar_url,
            status: user.status,
            site_role: user.site_role,
            version: user.version,
            created_at: user.created_at,
        }
    }
}

/// What a sign-in or a refresh answers. Never cached.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenPair)]
pub struct TokenPairJson {
    access_token: String,
    #[schema(pattern = "^Bearer$")]
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// Left out in cookie mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Seconds.
    refresh_expires_in: u64,
    #[schema(value_type = uuid::Uuid)]
    session_id: SessionId,
    user: UserJson,
}

impl From<TokenPair> for TokenPairJson {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access_token,
            token_type: "Bearer",
            expires_in: pair.expires_in.as_secs(),
            refresh_token: Some(pair.refresh_token.expose().to_owned()),
            refresh_expires_in: pair.refresh_expires_in.as_secs(),
            session_id: pair.session_id,
            user: pair.user.into(),
        }
    }
}

impl TokenPairJson {
    /// The pair as a browser gets it that keeps the refresh token in a cookie.
    pub fn without_refresh_token(pair: TokenPair) -> Self {
        Self {
            refresh_token: None,
            ..pair.into()
        }
    }
}

/// A site role as its holder or a manager sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = SiteRole)]
pub struct SiteRoleJson {
    role: String,
    permissions: Vec<String>,
    /// Grows by one with each change of the user's auth state.
    version: i64,
}

impl From<AuthState> for SiteRoleJson {
    fn from(state: AuthState) -> Self {
        Self {
            role: state.role,
            permissions: state.permissions,
            version: state.version,
        }
    }
}

/// An answer that tells nothing but that something was taken on or done; always the same bytes.
#[derive(Serialize, ToSchema)]
#[schema(as = Status)]
pub struct StatusJson {
    /// `activation_sent`, `accepted`, `active`, `changed`, `restored`, `ok` or `ready`.
    pub status: &'static str,
}
