//! The way from the hub to a provider: short, bounded, and only to where the operator allows.
//!
//! No redirect is followed, no proxy of the environment is used, no more than so many bytes are read, and a name
//! becomes an address once: the one that was looked at is the one that is connected to. Nothing that is sent or
//! answered finds its way into an error.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use oauth2::http::header::{AUTHORIZATION, HeaderValue};
use oauth2::http::{Response, StatusCode};
use oauth2::{HttpRequest, HttpResponse};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::de::{DeserializeOwned, IgnoredAny};
use tracing::Instrument as _;
use url::Url;

use super::Error;
use super::reach::{Reach, refusal};

/// For how long a connection is waited for.
const CONNECT: Duration = Duration::from_secs(3);
/// For how long a call may take, from the look-up of the name to the last byte.
const CALL: Duration = Duration::from_secs(10);
/// The most that is read of an answer.
pub(super) const ANSWER: usize = 64 * 1024;
/// The most that is read of a set of keys.
pub(super) const KEYS: usize = 256 * 1024;

/// Calls one provider.
pub(super) struct BackChannel {
    client: reqwest::Client,
    reach: Reach,
}

impl BackChannel {
    /// A way to what `reach` admits.
    pub(super) fn new(reach: Reach) -> Result<Self, String> {
        Self::resolving(reach, by_the_system)
    }

    /// As [`new`](Self::new), with names resolved by `lookup`.
    fn resolving<L, F>(reach: Reach, lookup: L) -> Result<Self, String>
    where
        L: Fn(String) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        let client = reqwest::Client::builder()
            .dns_resolver(Guarded { reach, lookup: Arc::new(lookup) })
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(CALL)
            // GitHub refuses who does not say his name.
            .user_agent("portcullis")
            .build()
            .map_err(|error| describe(&error))?;
        Ok(Self { client, reach })
    }

    /// Whether `url` may be called at all.
    pub(super) fn admits(&self, url: &Url) -> Result<(), String> {
        self.reach.check(url)
    }

    /// Gets the JSON at `url`, at most `limit` bytes of it. `authorization`: scheme and token.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        url: &Url,
        authorization: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<T, Error> {
        let mut request = self.client.get(url.clone()).header("accept", "application/json");
        if let Some((scheme, token)) = authorization {
            let value = HeaderValue::from_str(&format!("{scheme} {token}"));
            let mut value = value.map_err(|_| refused("its access token is no token"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request
            .build()
            .map_err(|error| Error::Unavailable(describe(&error)))?;
        let (status, body) = self.call(request, limit).await?;
        if status != StatusCode::OK {
            return Err(Error::Refused(format!(
                "{} answers {}",
                place(url),
                status.as_u16()
            )));
        }
        // What serde says of a wrong value has the value in it.
        serde_json::from_slice(&body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                Error::Refused(format!("{} does not answer what it must", place(url)))
            }
            _ => Error::Unavailable(format!("{} does not answer with JSON", place(url))),
        })
    }

    /// Sends what oauth2 composed. What does not say that it is JSON, but is, may pass.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        let request =
            reqwest::Request::try_from(request).map_err(|error| Error::Unavailable(describe(&error)))?;
        let place = place(request.url());
        let (status, body) = self.call(request, ANSWER).await?;
        let json = serde_json::from_slice::<IgnoredAny>(&body).is_ok();
        if status.is_success() && !json {
            return Err(Error::Unavailable(format!("{place} does not answer with JSON")));
        }
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Ok(response)
    }

    /// Whether `url` answers at all; what it answers to nobody is its own affair.
    pub(super) async fn reach(&self, url: &Url) -> Result<(), Error> {
        let request = self.client.get(url.clone()).build();
        self.answer(request.map_err(|error| Error::Unavailable(describe(&error)))?)
            .await
            .and_then(|response| in_order(&response))
    }

    async fn call(&self, request: reqwest::Request, limit: usize) -> Result<(StatusCode, Vec<u8>), Error> {
        let place = place(request.url());
        let span = tracing::info_span!("provider_call", place);
        self.call_at(&place, request, limit).instrument(span).await
    }

    async fn call_at(
        &self,
        place: &str,
        request: reqwest::Request,
        limit: usize,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        let mut response = self.answer(request).await?;
        in_order(&response)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(Error::Unavailable(format!(
                "{place} answers with a redirect, and none is followed"
            )));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| Error::Unavailable(describe(&error)))?
        {
            if body.len() + chunk.len() > limit {
                return Err(Error::Unavailable(format!(
                    "{place} answers with more than {limit} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }

    /// A literal address in a URL is no name, and no resolver is asked for it: it is looked at here.
    async fn answer(&self, request: reqwest::Request) -> Result<reqwest::Response, Error> {
        self.admits(request.url()).map_err(Error::Unavailable)?;
        let answer = self.client.execute(request).await;
        answer.map_err(|error| Error::Unavailable(describe(&error)))
    }
}

fn in_order(response: &reqwest::Response) -> Result<(), Error> {
    let status = response.status();
    let later = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
    );
    if status.is_server_error() || later {
        let place = place(response.url());
        return Err(Error::Unavailable(format!("{place} answers {}", status.as_u16())));
    }
    Ok(())
}

fn refused(problem: &str) -> Error {
    Error::Refused(problem.to_owned())
}

/// The address without its query, which may hold what concerns nobody.
fn place(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// The innermost cause, which says most: "connection refused", and not "error sending request".
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it takes too long".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// A resolver that keeps to itself which addresses are out of reach.
struct Guarded<L> {
    reach: Reach,
    lookup: Arc<L>,
}

impl<L, F> Resolve for Guarded<L>
where
    L: Fn(String) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
{
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, lookup) = (self.reach, Arc::clone(&self.lookup));
        Box::pin(async move {
            let found = lookup(name.as_str().to_owned()).await?;
            let admitted: Vec<SocketAddr> = found
                .into_iter()
                .filter(|ip| reach.admits(*ip))
                .map(|ip| SocketAddr::new(ip, 0))
                .collect();
            if admitted.is_empty() {
                return Err(refusal(name.as_str()).into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

async fn by_the_system(name: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((name, 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests;
