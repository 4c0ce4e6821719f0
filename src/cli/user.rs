//! `user …`: what the routes do to users, by an operator, with full authority and a row in the audit log.

mod create;
mod import;

use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, open, output};
use crate::accounts;
use crate::app::App;
use crate::audit::{Actor, Origin};
use crate::config::Loaded;
use crate::email::Email;
use crate::http::UserJson;
use crate::revocation::{Request, Selector, Wait};
use crate::roles;
use crate::store::page;
use crate::store::users::{Filter, User};

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
    /// Create a user; prints its id
    Create(create::Args),
    /// List every user, newest first
    List,
    /// Show a user
    Show { email: Email },
    /// Give a user another site role; connected clients see it at once
    Role { email: Email, role: String },
    /// Disable a user: ends every session
    Disable { email: Email },
    /// Enable a disabled user
    Enable { email: Email },
    /// End every session of a user
    Revoke { email: Email },
    /// Create users from a file, with hashes of passwords that other software made
    Import(import::Args),
}

pub(super) async fn run(loaded: Loaded, args: Args) -> Result<(), Failure> {
    // What stdin has to say comes before the database is opened: it may wait for a person.
    let act = match args.act {
        Act::Create(mut create) => {
            create.read_password()?;
            Act::Create(create)
        }
        other => other,
    };
    let app = open(loaded).await?;
    let done = perform(&app, act, args.json).await;
    app.close().await;
    Ok(done?)
}

async fn perform(app: &App, act: Act, as_json: bool) -> anyhow::Result<()> {
    match act {
        Act::Create(args) => create::run(app, args, as_json).await,
        Act::List => list(app, as_json).await,
        Act::Show { email } => {
            let user = find(app, &email).await?;
            show(&user, as_json);
            Ok(())
        }
        Act::Role { email, role } => assign(app, &email, &role, as_json).await,
        Act::Disable { email } => set_disabled(app, &email, true, as_json).await,
        Act::Enable { email } => set_disabled(app, &email, false, as_json).await,
        Act::Revoke { email } => revoke(app, &email, as_json).await,
        Act::Import(args) => import::run(app, args, as_json).await,
    }
}

async fn find(app: &App, email: &Email) -> anyhow::Result<User> {
    app.accounts.find_by_email(email).await.map_err(told)
}

/// The error as an operator needs it: each wrong field with what to do about it.
fn told(error: accounts::Error) -> anyhow::Error {
    match error {
        accounts::Error::Invalid(faults) => output::fields(&faults),
        other => other.into(),
    }
}

async fn list(app: &App, as_json: bool) -> anyhow::Result<()> {
    let (mut users, mut cursor): (Vec<User>, _) = (Vec::new(), None);
    loop {
        let page = app.accounts.list(&Filter::default(), cursor, page::MAX).await;
        let page = page.map_err(told)?;
        users.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    if as_json {
        let items: Vec<_> = users.iter().map(render).collect();
        output::line(json!({ "items": items }).to_string());
        return Ok(());
    }
    let row = |user: &User| {
        [
            user.id.to_string(),
            user.email.to_string(),
            user.status.as_str().to_owned(),
            user.site_role.clone(),
            output::plain(user.name.as_deref().unwrap_or("-")),
        ]
    };
    let rows: Vec<_> = users.iter().map(row).collect();
    output::table(["id", "e-mail", "status", "role", "name"], &rows);
    Ok(())
}

async fn assign(app: &App, email: &Email, role: &str, as_json: bool) -> anyhow::Result<()> {
    let state = app
        .roles
        .assign_by_email(email, role)
        .await
        .map_err(|error| match error {
            roles::Error::Invalid(faults) => output::fields(&faults),
            other => other.into(),
        })?;
    if as_json {
        let shown = json!({ "role": state.role, "permissions": state.permissions, "version": state.version });
        output::line(shown.to_string());
    } else {
        output::line(format!(
            "{email} has the role {} (version {})",
            state.role, state.version
        ));
    }
    Ok(())
}

async fn set_disabled(app: &App, email: &Email, disabled: bool, as_json: bool) -> anyhow::Result<()> {
    let user = find(app, email).await?;
    let by = Origin::local(Actor::Operator);
    let user = app
        .accounts
        .set_disabled(user.id, disabled, &by)
        .await
        .map_err(told)?;
    if as_json {
        show(&user, true);
    } else {
        output::line(format!("{email} is {}", user.status.as_str()));
    }
    Ok(())
}

async fn revoke(app: &App, email: &Email, as_json: bool) -> anyhow::Result<()> {
    let user = find(app, email).await?;
    let request = Request {
        selector: Selector::User {
            id: user.id,
            except: None,
        },
        reason: "revoked at the command line".to_owned(),
        message: None,
        dry_run: false,
        // This process holds no sockets: those that do hear of it by the journal.
        wait: Wait::None,
        timeout: Duration::ZERO,
    };
    let by = Origin::local(Actor::Operator);
    let outcome = app.revocation.revoke(request, &by).await?;
    if as_json {
        let shown = json!({
            "id": outcome.id,
            "sequence": outcome.sequence,
            "sessions_revoked": outcome.sessions_revoked,
        });
        output::line(shown.to_string());
    } else {
        output::line(format!(
            "{} session(s) of {email} revoked",
            outcome.sessions_revoked
        ));
    }
    Ok(())
}

fn show(user: &User, as_json: bool) {
    if as_json {
        return output::line(render(user).to_string());
    }
    for (name, value) in [
        ("id", user.id.to_string()),
        ("e-mail", user.email.to_string()),
        ("verified", user.email_verified.to_string()),
        ("name", output::plain(user.name.as_deref().unwrap_or("-"))),
        ("status", user.status.as_str().to_owned()),
        ("role", user.site_role.clone()),
        ("version", user.version.to_string()),
        ("created", user.created_at.to_string()),
    ] {
        output::line(format!("{name:8}  {value}"));
    }
}

/// A user as the routes answer it.
fn render(user: &User) -> Value {
    json!(UserJson::from(user.clone()))
}
