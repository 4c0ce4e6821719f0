//! The outbox: a mail is written in the transaction of what it tells of, and sent by a job.
//!
//! A mail is rendered when it is enqueued and sealed under the master secret until it is sent: a copy of
//! the database shows nobody's tokens. A *decoy* is rendered, sealed and written in the same way, and
//! thrown away by the job: so a request about an unknown address takes as long as one about a known one.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::render::Renderer;
use super::{Language, Letter, SettingError};
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, PublicUrl};
use crate::email::Email;
use crate::ids::{MailId, UserId};
use crate::secret::{MasterKey, OpenError, Rng};
use crate::store::mails::{self, Claimed, Listed, NewMail, Status};
use crate::store::page::{self, Page};
use crate::store::{self, Db, Tx};

/// What the sealing key is derived for.
const PURPOSE: &str = "mail";
/// The kind of a mail that is never sent.
const DECOY: &str = "decoy";

/// Writes and reads the outbox. Clones share.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    site: Arc<PublicUrl>,
    master: MasterKey,
    clock: Clock,
    rng: Rng,
    renderer: Renderer,
    due: Arc<Notify>,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox")
    }
}

/// What is in a mail.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// A plain address.
    pub to: String,
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
    pub links: Vec<String>,
    /// The token that the link carries, where there is one.
    pub token: Option<String>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content")
    }
}

/// A mail on its way out.
#[derive(Clone, Debug)]
pub struct Mail {
    pub id: MailId,
    pub created_at: Timestamp,
    pub content: Content,
}

impl Outbox {
    /// Reads and tries the templates.
    ///
    /// # Errors
    /// The first thing that is wrong with them; [`faults`](super::faults) has all.
    pub fn new(
        config: &Arc<Config>,
        site: &Arc<PublicUrl>,
        master: MasterKey,
        clock: Clock,
        rng: Rng,
    ) -> Result<Self, SettingError> {
        let (config, site, due) = (Arc::clone(config), Arc::clone(site), Arc::default());
        let renderer =
            Renderer::new(&config.mail, &config.site).map_err(|mut faults| faults.swap_remove(0))?;
        Ok(Self(Arc::new(Inner {
            config,
            site,
            master,
            clock,
            rng,
            renderer,
            due,
        })))
    }

    /// The language for somebody with this `locale` (of the account, where one is known) whose request
    /// `accepts` these (`Accept-Language`, where there is a request).
    #[must_use]
    pub fn language(&self, locale: Option<&str>, accepts: Option<&str>) -> Language {
        self.0.renderer.languages().choose(locale, accepts)
    }

    /// Renders and seals `letter`, and stores it as part of `tx`. [`wake`](Self::wake) after the commit.
    ///
    /// # Errors
    /// When storage fails; what the letter tells of must fail with it.
    pub async fn enqueue(
        &self,
        tx: &mut Tx,
        to: &Email,
        user: Option<UserId>,
        language: &Language,
        letter: &Letter,
    ) -> Result<(), store::Error> {
        let content = self.render(to, language, letter);
        self.write(tx, letter.kind(), user, &content).await
    }

    /// As [`enqueue`](Self::enqueue), for a mail that nobody will get.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn enqueue_decoy(
        &self,
        tx: &mut Tx,
        to: &Email,
        language: &Language,
        letter: &Letter,
    ) -> Result<(), store::Error> {
        let content = self.render(to, language, letter);
        self.write(tx, DECOY, None, &content).await
    }

    async fn write(
        &self,
        tx: &mut Tx,
        kind: &'static str,
        user_id: Option<UserId>,
        content: &Content,
    ) -> Result<(), store::Error> {
        let id = MailId::generate(&self.0.clock, &self.0.rng);
        let mail = NewMail {
            id,
            kind,
            user_id,
            content: &self.seal(id, content),
            created_at: self.0.clock.now(),
        };
        mails::insert(tx, &mail).await
    }

    fn render(&self, to: &Email, language: &Language, letter: &Letter) -> Content {
        let (site, links) = (&self.0.site, &self.0.config.links);
        let mail = self.0.renderer.render(letter, language, site, links);
        Content {
            to: to.as_str().to_owned(),
            subject: mail.subject,
            text: mail.text,
            html: mail.html,
            links: mail.links,
            token: letter.token().map(|token| token.expose().to_owned()),
        }
    }

    fn seal(&self, id: MailId, content: &Content) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "texts and lists of texts are always JSON")]
        let plain = serde_json::to_vec(content).expect("texts are JSON");
        self.0
            .master
            .seal(PURPOSE, id.uuid().as_bytes(), &plain, &self.0.rng)
    }

    /// Opens a claimed mail; `None` for a decoy.
    ///
    /// # Errors
    /// [`OpenError`] when it was altered, or sealed under another master secret.
    pub fn open(&self, claimed: &Claimed) -> Result<Option<Mail>, OpenError> {
        if claimed.kind == DECOY {
            return Ok(None);
        }
        let plain = self
            .0
            .master
            .open(PURPOSE, claimed.id.uuid().as_bytes(), &claimed.content)?;
        let content = serde_json::from_slice(&plain).map_err(|_| OpenError)?;
        Ok(Some(Mail {
            id: claimed.id,
            created_at: claimed.created_at,
            content,
        }))
    }

    /// Tells the job that a mail was committed. Without it, the mail waits for the job's next look, a second at most.
    pub fn wake(&self) {
        self.0.due.notify_one();
    }

    /// What [`wake`](Self::wake) wakes: for the job.
    #[must_use]
    pub fn due(&self) -> Arc<Notify> {
        Arc::clone(&self.0.due)
    }
}

/// The mails of the outbox without their contents and without decoys, the newest first: at most `limit` (200),
/// those older than `cursor` when given.
///
/// # Errors
/// When storage fails.
pub async fn listed(
    db: &Db,
    status: Option<Status>,
    cursor: Option<MailId>,
    limit: u32,
) -> Result<Page<Listed, MailId>, store::Error> {
    let limit = limit.min(page::MAX);
    mails::list(&mut db.read().await?, status, DECOY, cursor, limit).await
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::secret::PlainToken;

    /// `https://auth.example.org`.
    pub fn site() -> PublicUrl {
        PublicUrl::new(&config(), "127.0.0.1:8080".parse().unwrap())
    }

    pub fn config() -> Config {
        let mut config = Config::for_development();
        config.public_url = Some("https://auth.example.org".parse().unwrap());
        config.mail.from = "Portcullis <no-reply@example.org>".to_owned();
        config
    }

    fn outbox() -> Outbox {
        let master = MasterKey::from_secret(&"a master secret of enough length".to_owned().into());
        Outbox::new(
            &Arc::new(config()),
            &Arc::new(site()),
            master,
            Clock::System,
            Rng::System,
        )
        .unwrap()
    }

    fn claimed(id: MailId, kind: &str, content: Vec<u8>) -> Claimed {
        Claimed {
            id,
            kind: kind.into(),
            content,
            attempts: 1,
            last_error: None,
            created_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_sealed_mail_opens_under_its_own_id_only_and_shows_nothing_before() {
        let outbox = outbox();
        let token = PlainToken::generate("", &Rng::System);
        let letter = Letter::Recovery {
            name: Some("Ada".into()),
            token: token.clone(),
        };
        let to = Email::parse("ada@example.org").unwrap();
        let content = outbox.render(&to, &outbox.language(None, None), &letter);
        assert_eq!(
            (content.to.as_str(), content.token.as_deref()),
            ("ada@example.org", Some(token.expose()))
        );
        let id = MailId::generate(&Clock::System, &Rng::System);
        let sealed = outbox.seal(id, &content);
        for secret in [token.expose(), "ada@example.org"] {
            assert!(!sealed.windows(secret.len()).any(|part| part == secret.as_bytes()));
        }
        let opened = outbox
            .open(&claimed(id, "recovery", sealed.clone()))
            .unwrap()
            .unwrap();
        assert_eq!(opened.content, content);
        let other = MailId::generate(&Clock::System, &Rng::System);
        assert!(outbox.open(&claimed(other, "recovery", sealed)).is_err());
        assert_eq!(format!("{:?}", opened.content), "Content");
    }

    #[test]
    fn t09_a_decoy_is_never_opened() {
        let id = MailId::generate(&Clock::System, &Rng::System);
        assert!(outbox().open(&claimed(id, DECOY, Vec::new())).unwrap().is_none());
    }
}
