//! How a session begins, once it is decided whose: what is written, what is announced, and the first tokens.
//! `login.rs` calls it after a password, `crate::oauth` after a provider's word.

use std::time::Duration;

use super::access_token::Grant;
use super::device::{self, Standing};
use super::rotation::{FIRST_GENERATION, PREFIX};
use super::{
    Error, Kept, LogoutProof, LogoutScope, MAX_DEVICE, MAX_USER_AGENT, Sessions, SignedIn, TokenPair,
};
use crate::audit::{self, Action, Origin, Record};
use crate::clock::Timestamp;
use crate::ids::SessionId;
use crate::secret::PlainToken;
use crate::store::journal::{Change, Entry, NewEntry};
use crate::store::known_devices::Device;
use crate::store::sessions::NewSession;
use crate::store::users::User;
use crate::store::{self, Tx, journal, refresh_tokens};

/// A password was typed (RFC 8176).
const PASSWORD: &str = "pwd";
/// A provider vouched for the person. (RFC 8176 has no name for it.)
pub const OAUTH: &str = "oauth";

/// How a session is to begin.
pub(super) struct Start<'a> {
    /// What to call the device.
    pub device: Option<&'a str>,
    /// The provider that vouched for the person; `None` where a password was typed.
    pub provider: Option<&'a str>,
    pub standing: Standing,
    pub by: &'a Origin,
}

/// A session that has begun in a transaction, before anybody was told.
#[derive(Debug)]
pub struct Begun {
    session: NewSession,
    refresh_token: PlainToken,
    entry: Entry,
    /// The owner is written to.
    mailed: bool,
}

impl Sessions {
    /// Begins a session of `user`, who is active and locked, on the word of `provider`. After the commit follows
    /// [`hand_over`](Self::hand_over).
    ///
    /// # Errors
    /// When storage fails.
    pub async fn begin(
        &self,
        tx: &mut Tx,
        user: &User,
        provider: &str,
        device: Option<&str>,
        by: &Origin,
    ) -> Result<Begun, Error> {
        let (network, agent) = device::of(by);
        let asking = Device {
            network: &network,
            agent: &agent,
        };
        let candidate = store::sessions::candidate(tx, &user.email, asking).await?;
        let standing = candidate.map_or(Standing::First, |candidate| self.standing(&candidate));
        let start = Start {
            device,
            provider: Some(provider),
            standing,
            by,
        };
        self.start(tx, user, start).await
    }

    /// Publishes that a session has begun, after `before`, and gives its tokens to who signed in.
    ///
    /// # Errors
    /// [`Error::Signing`].
    pub async fn hand_over(
        &self,
        begun: Begun,
        before: Vec<Entry>,
        user: User,
        kept: Kept,
        by: &Origin,
    ) -> Result<SignedIn, Error> {
        let pair = self.publish(begun, before, user).await?;
        Ok(self.welcome(pair, kept, by).await)
    }

    /// Tells everybody who waits for news of a session that has begun, after `before`; answers its tokens.
    pub(super) async fn publish(
        &self,
        begun: Begun,
        mut before: Vec<Entry>,
        user: User,
    ) -> Result<TokenPair, Error> {
        if begun.mailed {
            self.cx.mail.wake();
        }
        before.push(begun.entry.clone());
        self.cx.hub.announce(&before).await;
        self.first_pair(begun, user)
    }

    /// Ends the sessions whose refresh tokens give way to the new one's, and trusts the browser. The sign-in
    /// stands, whatever becomes of that.
    pub(super) async fn welcome(&self, pair: TokenPair, kept: Kept, by: &Origin) -> SignedIn {
        for token in kept.replaced {
            let ended = self.log_out(LogoutProof::Refresh(token), LogoutScope::Session, by);
            if let Err(error) = ended.await {
                tracing::warn!(%error, session = %pair.session_id, "a session that was replaced lives on");
            }
        }
        let browser = self.trust_browser(&pair.user);
        SignedIn { pair, browser }
    }

    /// Writes the session, its first refresh token, the journal and the audit log. The user is locked.
    pub(super) async fn start(&self, tx: &mut Tx, user: &User, start: Start<'_>) -> Result<Begun, Error> {
        let Start {
            device,
            provider,
            standing,
            by,
        } = start;
        let now = self.cx.now();
        let (idle_expires_at, expires_at) = self.lifetimes(now);
        let session = NewSession {
            id: SessionId::generate(&self.cx.clock, &self.cx.rng),
            user_id: user.id,
            at: now,
            amr: vec![provider.map_or(PASSWORD, |_| OAUTH).to_owned()],
            idle_expires_at,
            expires_at,
            ip: by.ip.map(|ip| ip.to_string()),
            network: device::network(by),
            user_agent: said(by.user_agent.as_deref(), MAX_USER_AGENT),
            device: said(device, MAX_DEVICE).or_else(|| device::name_device(by.user_agent.as_deref()?)),
        };
        store::sessions::insert(tx, &session).await?;
        let refresh_token = PlainToken::generate(PREFIX, &self.cx.rng);
        refresh_tokens::insert(tx, &refresh_token.hash(), session.id, FIRST_GENERATION, now).await?;
        let entry = NewEntry {
            user_id: Some(user.id),
            session_id: Some(session.id),
            version: None,
            change: Change::SessionCreated {
                device: session.device.clone(),
            },
        };
        let entry = journal::append(tx, entry, now).await?;
        let details = provider.map_or(
            serde_json::Value::Null,
            |id| serde_json::json!({ "provider": id }),
        );
        let record = Record::done(Action::SessionCreate)
            .user(user.id)
            .session(session.id)
            .details(details);
        audit::record(tx, &self.cx, by, record).await?;
        let mailed = self.note_device(tx, user, &session, standing, by).await?;
        Ok(Begun {
            session,
            refresh_token,
            entry,
            mailed,
        })
    }

    fn first_pair(&self, begun: Begun, user: User) -> Result<TokenPair, Error> {
        let Begun {
            session,
            refresh_token,
            ..
        } = begun;
        let ends_at = session.idle_expires_at.min(session.expires_at);
        let access = self.mint(&Grant {
            user: user.id,
            session: session.id,
            generation: FIRST_GENERATION,
            version: user.version,
            role: &user.site_role,
            authenticated_at: session.at,
            amr: &session.amr,
            ends_at,
            source: None,
        })?;
        Ok(TokenPair {
            access_token: access.token,
            expires_in: access.expires_in,
            refresh_token,
            refresh_expires_in: ends_at.since(session.at),
            session_id: session.id,
            user,
        })
    }

    /// Idle and absolute end of a session that begins at `now`.
    fn lifetimes(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let tokens = &self.cx.config.tokens;
        let expires_at = now + Duration::from_secs(tokens.refresh_absolute.into());
        let idle = now + Duration::from_secs(tokens.refresh_idle.into());
        (idle.min(expires_at), expires_at)
    }
}

/// As [`device::plain_text`], trimmed. `None` when nothing is left.
fn said(text: Option<&str>, length: usize) -> Option<String> {
    let plain = device::plain_text(text?, length);
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t15_what_a_client_says_of_itself_is_cut_and_cleaned() {
        assert_eq!(
            said(Some(" Ada\u{7}'s\r\n phone "), 100).as_deref(),
            Some("Ada's phone")
        );
        assert_eq!(
            said(Some(&"é".repeat(400)), 300).map(|text| text.chars().count()),
            Some(300)
        );
        assert_eq!(said(Some("\u{1b}\n"), 100), None);
        assert_eq!(said(None, 100), None);
    }
}
