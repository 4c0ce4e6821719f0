//! `key …`: the credentials of backends.

use std::net::IpAddr;
use std::time::Duration;

use clap::Subcommand;
use ipnet::IpNet;
use serde_json::json;

use super::{Failure, duration, open, output};
use crate::app::App;
use crate::audit::{Actor, Origin};
use crate::config::Loaded;
use crate::ids::ServiceKeyId;
use crate::roles::Permission;
use crate::service_keys::{Error, NewServiceKey, ServiceKey};

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
    /// Create a key; its secret is the last line, shown this once
    Create(Create),
    /// List every key
    List,
    /// Revoke a key
    Revoke { id: ServiceKeyId },
}

#[derive(Debug, clap::Args)]
struct Create {
    /// What it is for
    #[arg(long)]
    name: String,
    /// What it may do, as in sessions:revoke,users:read
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<Permission>,
    /// How long it is valid, as in 90d; without it until it is revoked
    #[arg(long, value_parser = duration::parse)]
    expires: Option<Duration>,
    /// From where it may be used, as in 10.0.0.0/8; without it from everywhere
    #[arg(long, value_delimiter = ',', value_parser = network, value_name = "CIDR")]
    allow: Vec<IpNet>,
}

fn network(text: &str) -> Result<IpNet, String> {
    let alone = || text.parse().ok().map(|ip: IpAddr| IpNet::from(ip));
    let network = text.parse().ok().or_else(alone);
    network
        .map(|network| network.trunc())
        .ok_or_else(|| "write a network, as in 10.0.0.0/8 or 2001:db8::/32".to_owned())
}

pub(super) async fn run(loaded: Loaded, args: Args) -> Result<(), Failure> {
    let app = open(loaded).await?;
    let done = act(&app, args.act, args.json).await;
    app.close().await;
    done.map_err(|error| match error {
        Error::Fields(faults) => Failure::Failed(output::fields(&faults)),
        other => Failure::Failed(other.into()),
    })
}

async fn act(app: &App, act: Act, as_json: bool) -> Result<(), Error> {
    let by = Origin::local(Actor::Operator);
    match act {
        Act::Create(create) => {
            let new = NewServiceKey {
                name: create.name,
                scopes: create.scopes,
                allow: create.allow,
                expires_in: create.expires,
            };
            let (key, secret) = app.service_keys.create(new, &by).await?;
            if as_json {
                let mut shown = render(&key);
                shown["secret"] = json!(secret.expose());
                output::line(shown.to_string());
            } else {
                output::line(format!(
                    "key {} ({}), its secret shown this once:",
                    key.id,
                    output::plain(&key.name)
                ));
                output::line(secret.expose());
            }
        }
        Act::List => {
            let keys = app.service_keys.list().await?;
            if as_json {
                let items: Vec<_> = keys.iter().map(render).collect();
                output::line(json!({ "items": items }).to_string());
            } else {
                let rows: Vec<_> = keys.iter().map(|key| row(app, key)).collect();
                output::table(["id", "name", "state", "expires", "scopes", "allow"], &rows);
            }
        }
        Act::Revoke { id } => {
            app.service_keys.revoke(id, &by).await?;
            if as_json {
                output::line(json!({ "id": id, "revoked": true }).to_string());
            } else {
                output::line(format!("{id} is revoked"));
            }
        }
    }
    Ok(())
}

fn render(key: &ServiceKey) -> serde_json::Value {
    json!({
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "allow": key.allow,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    })
}

fn row(app: &App, key: &ServiceKey) -> [String; 6] {
    let expired = key.expires_at.is_some_and(|at| at <= app.cx.now());
    let state = match (key.revoked_at, expired) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "valid",
    };
    [
        key.id.to_string(),
        output::plain(&key.name),
        state.to_owned(),
        key.expires_at
            .map_or_else(|| "never".to_owned(), |at| at.to_string()),
        join(&key.scopes),
        if key.allow.is_empty() {
            "everywhere".to_owned()
        } else {
            join(&key.allow)
        },
    ]
}

fn join(items: &[impl ToString]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}
