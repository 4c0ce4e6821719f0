//! Letters about an account: in which language, and to whom, or to nobody where an answer must not tell.

use super::Accounts;
use crate::audit::Origin;
use crate::email::Email;
use crate::ids::UserId;
use crate::mail::{Language, Letter};
use crate::store::users::User;
use crate::store::{self, Tx};

impl Accounts {
    /// Enqueues `letter` to `user` at the address `to`, in the language that follows from what `by` did.
    pub(super) async fn write_to(
        &self,
        tx: &mut Tx,
        user: &User,
        to: &Email,
        by: &Origin,
        letter: &Letter,
    ) -> Result<(), store::Error> {
        let language = self.language(Some(user), by);
        let mail = &self.cx.mail;
        mail.enqueue(tx, to, Some(user.id), &language, letter).await
    }

    /// Enqueues `letter` for `user`; without one, a decoy of it.
    pub(super) async fn enqueue_or_pretend(
        &self,
        tx: &mut Tx,
        to: &Email,
        user: Option<UserId>,
        language: &Language,
        letter: &Letter,
    ) -> Result<(), store::Error> {
        let mail = &self.cx.mail;
        match user {
            Some(_) => mail.enqueue(tx, to, user, language, letter).await,
            None => mail.enqueue_decoy(tx, to, language, letter).await,
        }
    }

    /// The language of a letter to `user`, where there is one, that follows from what `by` did.
    pub(super) fn language(&self, user: Option<&User>, by: &Origin) -> Language {
        let locale = user.and_then(|user| user.locale.as_deref());
        self.cx.mail.language(locale, by.languages.as_deref())
    }
}
