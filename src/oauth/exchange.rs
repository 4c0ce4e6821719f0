//! The end of a flow: the frontend that began it gives its code and its verifier, and gets a session; or, where
//! somebody who is signed in began it, the identity is linked to that person's account.

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq as _;

use super::{Error, OAuth, count};
use crate::accounts::Claim;
use crate::audit::{self, Action, Actor, Origin, Record};
use crate::error::Code;
use crate::providers::Profile;
use crate::secret::{PlainToken, TokenHash};
use crate::sessions::{self, Current, Kept, SignedIn};
use crate::store::Tx;
use crate::store::identities::Identity;
use crate::store::oauth_flows::{self, Flow, Step};
use crate::store::users;

/// What a frontend exchanges.
#[derive(Debug)]
pub struct Exchange {
    pub code: PlainToken,
    pub code_verifier: PlainToken,
    /// Of the session that began to link an identity.
    pub bearer: Option<PlainToken>,
    /// What to call this device.
    pub device: Option<String>,
    /// What the browser keeps of sign-ins before this one.
    pub kept: Kept,
}

/// What it gets.
#[derive(Debug)]
pub enum Exchanged {
    SignedIn(Box<SignedIn>),
    Linked(Identity),
}

impl OAuth {
    /// POST /api/auth/oauth/exchange. A code is good for one session or one link, and a wrong verifier ends it.
    ///
    /// # Errors
    /// [`Error::CodeSpent`]; [`Error::NotTheLinker`], which leaves the code as it was; [`Error::Account`] when the
    /// account was changed meanwhile; [`Error::Session`], [`Error::Limited`], [`Error::Store`].
    pub async fn exchange(&self, what: Exchange, by: &Origin) -> Result<Exchanged, Error> {
        self.limits.token(by.ip).await?;
        let caller = self.caller(what.bearer.as_ref()).await?;
        let mut tx = self.cx.db.begin().await?;
        let (hash, now) = (what.code.hash(), self.cx.now());
        // The account before the flow, as where an account is erased and its flows go with it.
        if let Some(linker) = oauth_flows::find_linker(&mut tx, &hash).await? {
            users::lock(&mut tx, linker).await?;
        }
        let flow = oauth_flows::consume(&mut tx, &hash, Step::Code, now).await?;
        let Some(flow) = flow.filter(|flow| has_asked(flow, &what.code_verifier)) else {
            tx.commit().await?;
            let row = Record::refused(Action::SessionCreate, Code::TokenSpent);
            audit::write(&self.cx, by, row).await?;
            count(Some(&Error::CodeSpent));
            return Err(Error::CodeSpent);
        };
        let profile = self.open(&flow, &what.code).ok_or(Error::CodeSpent)?;
        match flow.linker {
            None => {
                let result = self.sign_in(tx, &flow, &profile, what, by).await;
                count(result.as_ref().err());
                result
            }
            Some(linker) => {
                let caller = caller.filter(|caller| (caller.user_id, caller.session_id) == linker);
                let Some(caller) = caller else {
                    drop(tx);
                    let error = Error::NotTheLinker;
                    self.note_refusal(&flow.provider, flow.linker, &error, by).await?;
                    return Err(error);
                };
                self.link(tx, &flow, &profile, &caller, by).await
            }
        }
    }

    /// Who presents a token that is good; what is not counts as none.
    async fn caller(&self, bearer: Option<&PlainToken>) -> Result<Option<Current>, Error> {
        let Some(bearer) = bearer else { return Ok(None) };
        match self.sessions.authenticate(bearer).await {
            Ok(current) => Ok(Some(current)),
            Err(sessions::Error::Store(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    async fn sign_in(
        &self,
        mut tx: Tx,
        flow: &Flow,
        profile: &Profile,
        what: Exchange,
        by: &Origin,
    ) -> Result<Exchanged, Error> {
        let claim = self.claim(flow, profile)?;
        let admitted = match self.accounts.admit(&mut tx, claim, by).await {
            Ok(admitted) => admitted,
            Err(error) => {
                drop(tx);
                let error = error.into();
                self.note_refusal(&flow.provider, None, &error, by).await?;
                return Err(error);
            }
        };
        let device = what.device.as_deref();
        let begun = self
            .sessions
            .begin(&mut tx, &admitted.user, &flow.provider, device, by)
            .await?;
        tx.commit().await?;
        self.cx.mail.wake();
        let signed_in = self
            .sessions
            .hand_over(begun, admitted.entries, admitted.user, what.kept, by)
            .await?;
        Ok(Exchanged::SignedIn(Box::new(signed_in)))
    }

    async fn link(
        &self,
        mut tx: Tx,
        flow: &Flow,
        profile: &Profile,
        caller: &Current,
        by: &Origin,
    ) -> Result<Exchanged, Error> {
        let by = Origin {
            actor: Actor::User {
                id: caller.user_id,
                session: caller.session_id,
            },
            ..by.clone()
        };
        let claim = self.claim(flow, profile)?;
        let linked = self.accounts.link(&mut tx, caller, claim, &by).await;
        match linked {
            Ok(identity) => {
                tx.commit().await?;
                self.cx.mail.wake();
                Ok(Exchanged::Linked(identity))
            }
            Err(error) => {
                drop(tx);
                let error = error.into();
                self.note_refusal(&flow.provider, flow.linker, &error, &by)
                    .await?;
                Err(error)
            }
        }
    }

    fn claim<'a>(&'a self, flow: &'a Flow, profile: &'a Profile) -> Result<Claim<'a>, Error> {
        let provider = self.provider(&flow.provider)?;
        Ok(Claim {
            provider: provider.id(),
            name: provider.name(),
            profile,
        })
    }
}

/// Whether `verifier` is what the flow began with (RFC 7636, 4.6).
fn has_asked(flow: &Flow, verifier: &PlainToken) -> bool {
    let challenge = BASE64URL_NOPAD.encode(TokenHash::of(verifier.expose().as_bytes()).bytes());
    challenge.as_bytes().ct_eq(flow.code_challenge.as_bytes()).into()
}
