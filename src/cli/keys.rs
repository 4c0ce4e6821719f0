//! `keys …`: the keys that sign tokens, beside a running hub, which learns of every change at once.

use std::time::Duration;

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::json;

use super::{Failure, open, output};
use crate::app::App;
use crate::audit::{Actor, Origin};
use crate::config::Loaded;
use crate::sessions::SigningKey;
use crate::store::signing_keys::KeyStatus;

/// For how long others may keep the published keys: `max-age` of the JWKS.
const CACHED: Duration = Duration::from_mins(5);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List every signing key, newest first
    List,
    /// Let the next key sign; what the former one signed stays valid until it expires
    Rotate,
    /// Withdraw a key that others may know: nothing that it signed is valid any more
    Withdraw {
        /// The key's id, as `keys list` and the JWKS show it
        kid: String,
    },
}

pub(super) async fn run(loaded: Loaded, args: Args) -> Result<(), Failure> {
    let app = open(loaded).await?;
    let done = act(&app, args.act, args.json).await;
    app.close().await;
    Ok(done?)
}

async fn act(app: &App, act: Act, as_json: bool) -> anyhow::Result<()> {
    match act {
        Act::List => list(app, as_json).await,
        Act::Rotate => rotate(app, as_json).await,
        Act::Withdraw { kid } => withdraw(app, &kid, as_json).await,
    }
}

async fn list(app: &App, as_json: bool) -> anyhow::Result<()> {
    let keys = app.sessions.signing_keys().await?;
    if as_json {
        let items: Vec<_> = keys.iter().map(render).collect();
        output::line(json!({ "items": items }).to_string());
        return Ok(());
    }
    let row = |key: &SigningKey| {
        [
            key.kid.clone(),
            key.status.as_str().to_owned(),
            key.created_at.to_string(),
            key.verifies_until
                .map_or_else(|| "-".to_owned(), |until| until.to_string()),
        ]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    output::table(["kid", "state", "published", "verifies until"], &rows);
    Ok(())
}

async fn rotate(app: &App, as_json: bool) -> anyhow::Result<()> {
    let done = app.sessions.rotate_keys(&Origin::local(Actor::Operator)).await?;
    if as_json {
        let shown = json!({ "active": render(&done.active), "retired": render(&done.retired) });
        output::line(shown.to_string());
    } else {
        output::line(format!("{} signs now", done.active.kid));
        if let Some(until) = done.retired.verifies_until {
            output::line(format!("{} verifies until {until}", done.retired.kid));
        }
    }
    let published = app.cx.now().since(done.active.created_at);
    if published < CACHED {
        eprintln!(
            "portcullis: this key was published only {} s ago: a backend that keeps the JWKS and does not ask \
             again for a key that it does not know may refuse new tokens for up to {} s",
            published.as_secs(),
            CACHED.as_secs()
        );
    }
    Ok(())
}

async fn withdraw(app: &App, kid: &str, as_json: bool) -> anyhow::Result<()> {
    let done = app
        .sessions
        .withdraw_key(kid, &Origin::local(Actor::Operator))
        .await?;
    let unknown = || anyhow!("there is no signing key {kid:?}: `portcullis keys list` shows those there are");
    let done = done.ok_or_else(unknown)?;
    if as_json {
        let shown = json!({ "kid": kid, "withdrawn": true, "was": done.was.as_str(), "active": done.active });
        output::line(shown.to_string());
    } else if done.was == KeyStatus::Withdrawn {
        output::line(format!("{kid} was withdrawn before"));
    } else {
        output::line(format!("{kid} is withdrawn, {} signs", done.active));
    }
    Ok(())
}

fn render(key: &SigningKey) -> serde_json::Value {
    json!({
        "kid": key.kid,
        "status": key.status.as_str(),
        "created_at": key.created_at,
        "verifies_until": key.verifies_until,
    })
}
