//! The way out: the browser is sent to the provider, for a sign-in by `GET …/start`, to link an identity by the
//! address that a signed-in person asked for.

use std::time::Duration;

use url::Url;

use super::flow::{BRIEF, Binding, LIFETIME};
use super::wish::Wish;
use super::{Error, OAuth};
use crate::audit::Origin;
use crate::ids::{SessionId, UserId};
use crate::providers::Provider;
use crate::secret::PlainToken;
use crate::sessions::Current;
use crate::store::oauth_flows::{self, Flow, Step};

/// What an address begins with at which a link begins.
const TICKET: &str = "pcl_";

/// Where the browser goes.
#[derive(Debug)]
pub struct Departure {
    /// The provider; or the frontend, with `error`, when the provider cannot be reached.
    pub to: Url,
    /// What the browser keeps until it comes back.
    pub binding: Option<Binding>,
}

impl OAuth {
    /// GET /api/auth/oauth/{provider}/start
    ///
    /// # Errors
    /// [`Error::UnknownProvider`]; [`Error::Invalid`]; [`Error::Limited`], [`Error::Store`].
    pub async fn start(&self, provider: &str, wish: Wish, by: &Origin) -> Result<Departure, Error> {
        self.limits.token(by.ip).await?;
        let provider = self.provider(provider)?;
        self.check(&wish)?;
        self.depart(provider, wish, None, by).await
    }

    /// POST /api/users/me/identities/{provider}: a secret for an address at which a link begins, once, within a
    /// minute.
    ///
    /// # Errors
    /// [`Error::ReauthenticationRequired`] when the sign-in is five minutes old; as [`start`](Self::start).
    pub async fn ask_to_link(
        &self,
        caller: &Current,
        provider: &str,
        wish: Wish,
        by: &Origin,
    ) -> Result<PlainToken, Error> {
        self.limits.token(by.ip).await?;
        let provider = self.provider(provider)?;
        self.check(&wish)?;
        if !caller.is_fresh(self.cx.now()) {
            return Err(Error::ReauthenticationRequired);
        }
        let ticket = PlainToken::generate(TICKET, &self.cx.rng);
        let linker = Some((caller.user_id, caller.session_id));
        let flow = self.flow(Step::Link, provider, &wish, linker, BRIEF);
        oauth_flows::insert(&mut self.cx.db.single().await?, &ticket.hash(), &flow).await?;
        Ok(ticket)
    }

    /// GET /api/auth/oauth/{provider}/link/{token}
    ///
    /// # Errors
    /// [`Error::Stray`] for every address that leads nowhere; [`Error::Limited`], [`Error::Store`].
    pub async fn start_link(
        &self,
        provider: &str,
        ticket: &PlainToken,
        by: &Origin,
    ) -> Result<Departure, Error> {
        self.limits.token(by.ip).await?;
        let provider = self.provider(provider)?;
        let mut tx = self.cx.db.single().await?;
        let flow = oauth_flows::consume(&mut tx, &ticket.hash(), Step::Link, self.cx.now()).await?;
        drop(tx);
        let flow = flow
            .filter(|flow| flow.provider == provider.id())
            .ok_or(Error::Stray)?;
        let wish = Wish {
            redirect_to: flow.redirect_to,
            code_challenge: flow.code_challenge,
        };
        self.depart(provider, wish, flow.linker, by).await
    }

    async fn depart(
        &self,
        provider: &Provider,
        wish: Wish,
        linker: Option<(UserId, SessionId)>,
        by: &Origin,
    ) -> Result<Departure, Error> {
        let secrets = self.secrets(PlainToken::generate("", &self.cx.rng), provider);
        let to = match provider.authorization_url(&secrets.way()).await {
            Ok(to) => to,
            Err(error) => {
                tracing::warn!(provider = provider.id(), %error, "nobody can sign in with this provider");
                let to = self
                    .turn_away(provider, linker, &wish.redirect_to, error.into(), by)
                    .await?;
                return Ok(Departure { to, binding: None });
            }
        };
        let flow = self.flow(Step::Provider, provider, &wish, linker, LIFETIME);
        let mut tx = self.cx.db.single().await?;
        oauth_flows::insert(&mut tx, &secrets.state.hash(), &flow).await?;
        let binding = Some(self.binding(&secrets.state));
        Ok(Departure { to, binding })
    }

    fn flow(
        &self,
        step: Step,
        provider: &Provider,
        wish: &Wish,
        linker: Option<(UserId, SessionId)>,
        lifetime: Duration,
    ) -> Flow {
        Flow {
            step,
            provider: provider.id().to_owned(),
            redirect_to: wish.redirect_to.clone(),
            code_challenge: wish.code_challenge.clone(),
            linker,
            profile: None,
            expires_at: self.cx.now() + lifetime,
        }
    }
}
