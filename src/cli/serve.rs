//! `serve`: binds first, so that the address in links is the real one, then builds, says where to go, and serves.
//!
//! The first line on stdout is `listening on http://ADDRESS:PORT`, for scripts; the log goes to stderr.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpSocket};

use super::{Failure, output};
use crate::app::App;
use crate::config::{Env, Loaded, Transport};
use crate::telemetry;

/// Connections that may wait to be accepted: a burst of sockets must not wait a second for a resent SYN.
const BACKLOG: u32 = 4096;

#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Bring the database up to date first (the default in development)
    #[arg(long)]
    migrate: bool,
    /// Leave the database as it is (the default in production)
    #[arg(long, conflicts_with = "migrate")]
    no_migrate: bool,
}

impl Args {
    fn migrates(&self, env: Env) -> bool {
        self.migrate || (env == Env::Development && !self.no_migrate)
    }
}

pub(super) async fn run(loaded: Loaded, args: &Args) -> Result<(), Failure> {
    let config = Arc::new(loaded.config);
    let traces = telemetry::init_with_traces(&config, loaded.log_filter.as_deref(), "info")?;
    if config.metrics.listen.is_some() {
        telemetry::install_metrics();
    }
    for hazard in config.hazards() {
        tracing::warn!(key = hazard.key, "{}", hazard.problem);
    }
    let wanted = config.http.listen;
    let listener = bind(wanted).with_context(|| {
        format!("http.listen: cannot listen on {wanted}; stop what does, or choose another port")
    })?;
    let bound = listener
        .local_addr()
        .context("the listening address cannot be read")?;
    let app = App::build(Arc::clone(&config), bound, args.migrates(config.env)).await?;
    app.start(listener).await?;
    // Whoever reads this may call at once, the metrics' listener included.
    output::line(format!("listening on http://{bound}"));
    if config.env == Env::Development {
        // It serves already: a lock that somebody sits on must not end it.
        if let Err(error) = show_the_way(&app).await {
            tracing::warn!(%error, "whether there is an admin yet could not be looked up");
        }
    }
    let ended = app.until_signalled().await;
    traces.flush().await;
    Ok(ended?)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Where somebody who has just started it for the first time can go.
async fn show_the_way(app: &App) -> anyhow::Result<()> {
    let site = &app.cx.site;
    output::line(format!("  home page    {}", site.link("/")));
    output::line(format!("  Swagger UI   {}", site.link("/api/docs")));
    if app.cx.config.mail.transport == Transport::Mailbox {
        output::line(format!("  mailbox      {}", site.link("/dev/mailbox")));
    }
    if let Some(token) = app.accounts.offer_setup().await? {
        let link = site.link(&format!("/setup/{}", token.expose()));
        output::line(format!("  first admin  {link}  (once, within the hour)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_migrates_unless_told_not_to_and_production_only_when_told() {
        let none = Args::default();
        let with = Args {
            migrate: true,
            no_migrate: false,
        };
        let without = Args {
            migrate: false,
            no_migrate: true,
        };
        assert!(none.migrates(Env::Development) && !none.migrates(Env::Production));
        assert!(with.migrates(Env::Development) && with.migrates(Env::Production));
        assert!(!without.migrates(Env::Development) && !without.migrates(Env::Production));
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error_and_a_free_one_is_picked() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        assert_ne!(address.port(), 0);
        assert!(bind(address).is_err());
    }
}
