//! What the layers around the routes know: facts worked out once from the configuration, and the
//! templates of the pages. Shared by an `Extension`.

use axum::http::HeaderValue;
use ipnet::IpNet;

use super::assets::{self, File};
use super::client_files::ClientFiles;
use super::cookies::Cookies;
use super::cors::{Origins, RefusedOrigins};
use super::headers;
use super::host::Hosts;
use super::pages::{Pages, Surroundings};
use super::trace::Traced;
use crate::config::{Env, Transport};
use crate::context::Context;
use crate::error::Code;
use crate::secret::Rng;

/// What a site without a name is called.
const NAME: &str = "Portcullis";

/// The edge's own facts.
#[derive(Debug)]
pub struct Edge {
    /// The public address, without a slash at its end.
    pub base: String,
    /// People reach the hub by TLS, so browsers are told to use nothing else.
    pub https: bool,
    pub rng: Rng,
    pub hosts: Hosts,
    pub origins: Origins,
    /// In development.
    pub refused_origins: Option<RefusedOrigins>,
    pub cookies: Cookies,
    pub trusted_proxies: Vec<IpNet>,
    pub traced: Traced,
    pub pages: Pages,
    /// `/assets/brand.css`.
    pub colours: File,
    /// The Content-Security-Policy of pages.
    pub page_policy: HeaderValue,
    pub client: ClientFiles,
    pub development: bool,
    /// Mail is caught locally, and `/dev/mailbox` shows it.
    pub mailbox: bool,
}

impl Edge {
    /// Works everything out from what the services are built from.
    pub fn new(cx: &Context) -> Self {
        let (config, site) = (&cx.config, &cx.site);
        let mailbox = config.mail.transport == Transport::Mailbox;
        let development = config.env == Env::Development;
        Self {
            base: site.issuer().to_owned(),
            https: site.url().scheme() == "https",
            rng: cx.rng.clone(),
            hosts: Hosts::new(config, site),
            origins: Origins::new(config, site),
            refused_origins: development.then(RefusedOrigins::default),
            cookies: Cookies::new(site),
            trusted_proxies: config.http.trusted_proxies.clone(),
            traced: Traced::by(&config.telemetry),
            pages: Pages::new(Surroundings {
                root: root(site.url().path()),
                base: site.issuer().to_owned(),
                mailbox,
                password_length: config.passwords.min_length,
                name: config.site.name.clone().unwrap_or_else(|| NAME.to_owned()),
                logo: config.site.logo.clone(),
                coloured: config.site.accent.is_some(),
            }),
            colours: assets::colours(&config.site),
            page_policy: headers::page_policy(config.site.logo_elsewhere()),
            client: ClientFiles::default(),
            development,
            mailbox,
        }
    }

    /// The `type` of a problem.
    pub fn problem_address(&self, code: Code) -> String {
        format!("{}/problems/{code}", self.base)
    }

    /// `https://auth.example.org`, one trusted network, a repeatable rng.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        Self {
            base: "https://auth.example.org".into(),
            https: true,
            rng: Rng::seeded(1),
            hosts: Hosts::of("auth.example.org", None),
            origins: Origins::of(&["https://app.example.org"]),
            refused_origins: None,
            cookies: Cookies::of("https://auth.example.org"),
            trusted_proxies: vec![IpNet::from(std::net::IpAddr::from([10, 0, 0, 1]))],
            traced: Traced::No,
            pages: Pages::new(Surroundings {
                root: String::new(),
                base: "https://auth.example.org".into(),
                mailbox: false,
                password_length: 12,
                name: NAME.to_owned(),
                logo: None,
                coloured: false,
            }),
            colours: assets::colours(&crate::config::Site::default()),
            page_policy: headers::page_policy(None),
            client: ClientFiles::default(),
            development: false,
            mailbox: false,
        }
    }
}

/// The path under which people reach the hub, without a slash at its end: mostly empty.
pub fn root(path: &str) -> String {
    path.trim_end_matches('/').to_owned()
}
