//! `healthcheck`: one request to a running hub, for the health check of a container.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use url::Url;

use super::Failure;
use crate::config::{Config, PublicUrl};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address of the hub; without it the listening address of the configuration. Its path is /healthz unless given
    url: Option<Url>,
}

pub(super) async fn run(file: Option<&Path>, args: Args) -> Result<(), Failure> {
    let url = match args.url {
        Some(url) => url,
        None => target(&Config::load(file)?.config)?,
    };
    ask(with_path(url)).await?;
    Ok(())
}

/// Where the hub of this configuration answers this machine. Its health is answered under every name.
fn target(config: &Config) -> anyhow::Result<Url> {
    let listen = config.http.listen;
    if listen.port() != 0 {
        let mut here = config.clone();
        here.public_url = None;
        return Ok(PublicUrl::new(&here, listen).url().clone());
    }
    // Only the server knows which port it got.
    match &config.public_url {
        Some(url) => Ok(url.clone()),
        None => bail!(
            "http.listen has port 0: name the address, as in `portcullis healthcheck http://127.0.0.1:8080`"
        ),
    }
}

fn with_path(mut url: Url) -> Url {
    if url.path().is_empty() || url.path() == "/" {
        url.set_path("/healthz");
    }
    url
}

async fn ask(url: Url) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .context("the client cannot be built")?;
    let answer = client
        .get(url.clone())
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
    fn a_container_asks_its_own_listener_whatever_its_public_name() {
        let mut config = Config::for_development();
        config.http.listen = "0.0.0.0:8080".parse().unwrap();
        for public in [None, Some("https://auth.example.org/".parse().unwrap())] {
            config.public_url = public;
            let url = with_path(target(&config).unwrap());
            assert_eq!(url.as_str(), "http://127.0.0.1:8080/healthz");
        }
    }

    #[test]
    fn without_a_fixed_port_it_asks_the_public_address_or_nobody() {
        let mut config = Config::for_development();
        config.http.listen = "127.0.0.1:0".parse().unwrap();
        config.public_url = None;
        assert!(target(&config).is_err());
        config.public_url = Some("https://auth.example.org/".parse().unwrap());
        assert_eq!(target(&config).unwrap().as_str(), "https://auth.example.org/");
    }

    #[test]
    fn a_path_that_is_given_stays() {
        assert_eq!(with_path("http://a/readyz".parse().unwrap()).path(), "/readyz");
        assert_eq!(with_path("http://a".parse().unwrap()).path(), "/healthz");
    }
}
