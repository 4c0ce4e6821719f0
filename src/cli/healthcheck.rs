//! `healthcheck`: one request to a running hub, for the health check of a container.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::HOST;
use url::Url;

use super::Failure;
use crate::config::{Config, Site};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address of the hub; without it the listening address of the configuration. Its path is /healthz unless given
    url: Option<Url>,
}

pub(super) async fn run(file: Option<&Path>, args: Args) -> Result<(), Failure> {
    let (url, host) = match args.url {
        Some(url) => (with_path(url), None),
        None => target(&Config::load(file)?.config)?,
    };
    ask(url, host).await?;
    Ok(())
}

/// Where the hub of this configuration answers, and the name to call it by: it may refuse others.
fn target(config: &Config) -> anyhow::Result<(Url, Option<String>)> {
    let listen = config.http.listen;
    let site = Site::new(config, listen);
    if listen.port() == 0 {
        // Only the server knows which port it got.
        let Some(url) = &config.public_url else {
            bail!(
                "http.listen has port 0: name the address, as in `portcullis healthcheck http://127.0.0.1:8080`"
            );
        };
        return Ok((with_path(url.clone()), None));
    }
    let mut here = config.clone();
    here.public_url = None;
    let url = with_path(Site::new(&here, listen).url().clone());
    Ok((url, config.public_url.is_some().then(|| authority(site.url()))))
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn with_path(mut url: Url) -> Url {
    if url.path().is_empty() || url.path() == "/" {
        url.set_path("/healthz");
    }
    url
}

async fn ask(url: Url, host: Option<String>) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .context("the client cannot be built")?;
    let mut request = client.get(url.clone());
    if let Some(host) = host {
        request = request.header(HOST, host);
    }
    let answer = request
        .send()
        .await
        .with_context(|| format!("{url} does not answer"))?;
    if answer.status() != reqwest::StatusCode::OK {
        bail!("{url} answers {}", answer.status());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_asks_its_own_listener_by_the_public_name() {
        let mut config = Config::for_development();
        config.http.listen = "0.0.0.0:8080".parse().unwrap();
        assert_eq!(
            target(&config).unwrap().0.as_str(),
            "http://127.0.0.1:8080/healthz"
        );
        assert_eq!(target(&config).unwrap().1, None);
        config.public_url = Some("https://auth.example.org/".parse().unwrap());
        let (url, host) = target(&config).unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:8080/healthz");
        assert_eq!(host.as_deref(), Some("auth.example.org"));
    }

    #[test]
    fn a_path_that_is_given_stays() {
        assert_eq!(with_path("http://a/readyz".parse().unwrap()).path(), "/readyz");
        assert_eq!(with_path("http://a".parse().unwrap()).path(), "/healthz");
    }
}
