//! The way back: what the provider answered is heard from the browser that was sent there, and from nobody else;
//! what it is worth the provider is asked itself. The frontend gets a one-time code, or why there is none.

use url::Url;

use super::flow::{BRIEF, Binding, Secrets};
use super::wish::with_code;
use super::{Error, OAuth};
use crate::accounts::Claim;
use crate::audit::Origin;
use crate::providers::{self, Profile, Provider, is_error_code};
use crate::secret::PlainToken;
use crate::store::oauth_flows::{self, Flow, Step};

/// What every code of the frontend begins with.
const CODE: &str = "pco_";

/// The provider's answer, as the browser brings it (RFC 6749, 4.1.2; RFC 9207).
#[derive(Debug, Default)]
pub struct Answer {
    pub state: Option<PlainToken>,
    pub code: Option<PlainToken>,
    pub error: Option<String>,
    pub issuer: Option<String>,
}

/// Where the browser goes on to.
#[derive(Debug)]
pub struct Arrival {
    /// The frontend, with `code` or `error`.
    pub to: Url,
    /// Of the [`Binding`] that has served its time.
    pub key: String,
}

impl OAuth {
    /// GET /api/auth/oauth/{provider}/callback. `answer`: none where it cannot be
    /// read; `kept`: the bindings of all flows that the browser is in.
    ///
    /// # Errors
    /// [`Error::Stray`] where there is no flow for this browser at this provider to go on with: nobody is
    /// redirected then. [`Error::Limited`], [`Error::Store`].
    pub async fn hear(
        &self,
        provider: &str,
        answer: Option<Answer>,
        kept: &[Binding],
        by: &Origin,
    ) -> Result<Arrival, Error> {
        self.limits.token(by.ip).await?;
        let provider = self.provider(provider)?;
        let answer = answer.ok_or(Error::Stray)?;
        let state = answer.state.clone().ok_or(Error::Stray)?;
        // Before the flow is used up: another browser than the one that began cannot end it, nor go on with it.
        let binding = self.binding(&state);
        if !kept.iter().any(|kept| binding.is(kept)) {
            return Err(Error::Stray);
        }
        let mut tx = self.cx.db.single().await?;
        let flow = oauth_flows::consume(&mut tx, &state.hash(), Step::Provider, self.cx.now()).await?;
        drop(tx);
        // A flow of another provider: somebody mixes them up (RFC 9700, 4.4).
        let flow = flow
            .filter(|flow| flow.provider == provider.id())
            .ok_or(Error::Stray)?;
        let (redirect_to, linker) = (flow.redirect_to.clone(), flow.linker);
        let secrets = self.secrets(state, provider);
        let to = match self.take(provider, flow, &secrets, answer, by).await {
            Ok(code) => with_code(&redirect_to, code.expose())?,
            Err(error) => self.turn_away(provider, linker, &redirect_to, error, by).await?,
        };
        let key = binding.key;
        Ok(Arrival { to, key })
    }

    /// The frontend's code, for an answer that is worth one.
    async fn take(
        &self,
        provider: &Provider,
        flow: Flow,
        secrets: &Secrets,
        answer: Answer,
        by: &Origin,
    ) -> Result<PlainToken, Error> {
        let profile = ask(provider, secrets, answer).await?;
        if flow.linker.is_none() {
            let claim = Claim {
                provider: provider.id(),
                name: provider.name(),
                profile: &profile,
            };
            self.accounts.would_admit(claim).await?;
        }
        tracing::debug!(provider = provider.id(), request_id = ?by.request_id, "the provider has vouched");
        let code = PlainToken::generate(CODE, &self.cx.rng);
        let flow = Flow {
            step: Step::Code,
            profile: Some(self.seal(profile, &code)),
            expires_at: self.cx.now() + BRIEF,
            ..flow
        };
        oauth_flows::insert(&mut self.cx.db.single().await?, &code.hash(), &flow).await?;
        Ok(code)
    }
}

/// Who it is, from the provider itself.
async fn ask(provider: &Provider, secrets: &Secrets, answer: Answer) -> Result<Profile, Error> {
    provider.check_issuer(answer.issuer.as_deref()).await?;
    if let Some(error) = answer.error {
        return Err(match error.as_str() {
            "access_denied" => Error::Denied,
            "server_error" | "temporarily_unavailable" => {
                providers::Error::Unavailable(format!("it says `{error}`")).into()
            }
            // Whoever sent the browser back wrote this: only what can be a code is repeated.
            code if is_error_code(code) => providers::Error::Refused(format!("it says `{code}`")).into(),
            _ => providers::Error::Refused("it says what is no code of an error".to_owned()).into(),
        });
    }
    let missing = || providers::Error::Refused("there is neither `code` nor `error` in it".to_owned());
    let code = answer.code.ok_or_else(missing)?;
    Ok(provider.identify(&code, &secrets.way()).await?)
}
