//! `user create`: an account made by an operator, with a password from stdin or an invitation by mail.

use std::io::Read;

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use serde_json::json;
use zeroize::Zeroizing;

use super::{output, told};
use crate::accounts::NewUser;
use crate::app::App;
use crate::audit::{Actor, Origin};
use crate::email::Email;
use crate::roles;

/// More than any password may have; it bounds what is read.
const MAX_INPUT: u64 = 4096;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("credential").required(true).args(["password_stdin", "invite"])))]
pub(in crate::cli) struct Args {
    /// Address to sign in with
    #[arg(long)]
    email: Email,
    /// What to call the person
    #[arg(long)]
    name: Option<String>,
    /// Site role
    #[arg(long, default_value = roles::DEFAULT)]
    role: String,
    /// Usable at once, the address taken as proven
    #[arg(long)]
    active: bool,
    /// Read the password from stdin: all of it but a line break at its end
    #[arg(long)]
    password_stdin: bool,
    /// Send a mail in which the person chooses a password
    #[arg(long)]
    invite: bool,
    #[arg(skip)]
    password: Option<SecretString>,
}

impl Args {
    /// Reads the password when it was announced.
    pub(super) fn read_password(&mut self) -> anyhow::Result<()> {
        if self.password_stdin {
            self.password = Some(password(std::io::stdin().lock())?);
        }
        Ok(())
    }
}

/// Exactly as typed, but for the line break that `echo` and the Enter key add.
fn password(input: impl Read) -> anyhow::Result<SecretString> {
    let mut text = Zeroizing::new(String::new());
    let read = input.take(MAX_INPUT + 1).read_to_string(&mut text);
    let read = read.context("--password-stdin: stdin is not a text in UTF-8")?;
    if read as u64 > MAX_INPUT {
        bail!("--password-stdin: longer than {MAX_INPUT} bytes");
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        bail!("--password-stdin: stdin is empty");
    }
    Ok(line.to_owned().into())
}

pub(super) async fn run(app: &App, args: Args, as_json: bool) -> anyhow::Result<()> {
    let user = NewUser {
        email: args.email,
        name: args.name,
        role: args.role,
        active: args.active,
        password: args.password,
        invite: args.invite,
    };
    let id = app
        .accounts
        .create(user, &Origin::local(Actor::Operator))
        .await
        .map_err(told)?;
    if as_json {
        output::line(json!({ "id": id }).to_string());
    } else {
        output::line(id.to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_password_is_taken_as_typed_without_its_line_break() {
        for (typed, taken) in [
            ("correct horse\n", "correct horse"),
            ("correct horse\r\n", "correct horse"),
            (" spaces stay \n", " spaces stay "),
            ("two\nlines\n\n", "two\nlines\n"),
            ("no break", "no break"),
        ] {
            assert_eq!(password(typed.as_bytes()).unwrap().expose_secret(), taken);
        }
        assert!(password(&b"\n"[..]).is_err());
        assert!(password(&b"\xff\n"[..]).is_err());
        assert!(password("x".repeat(5000).as_bytes()).is_err());
    }
}
