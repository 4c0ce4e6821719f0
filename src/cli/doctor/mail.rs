//! Mail: a real conversation with the server, up to a receiver, that sends nothing.

use std::time::Duration;

use super::{Finding, Patient};
use crate::config::{Env, Transport};
use crate::mail::{self, Broken};

const OF: &str = "mail";

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let config = &patient.config.mail;
    if config.transport == Transport::Mailbox {
        return vec![Finding::ok(OF, "kept in the development mailbox, /dev/mailbox")];
    }
    let patience = Duration::from_secs(config.timeout.into());
    let finding = match tokio::time::timeout(patience, mail::probe(config)).await {
        Ok(Ok(talk)) => {
            let tls = if talk.encrypted { "with TLS" } else { "in clear" };
            let user = if talk.signed_in { ", signed in" } else { "" };
            let what = format!("the server takes mail from mail.from, {tls}{user}");
            if !talk.encrypted && talk.signed_in && patient.config.env == Env::Production {
                Finding::warn(
                    OF,
                    what,
                    "the password crossed in clear: smtps://, or smtp://…?tls=required",
                )
            } else {
                Finding::ok(OF, what)
            }
        }
        Ok(Err(broken)) => Finding::wrong(OF, broken.to_string(), advice(&broken)),
        Err(_) => Finding::wrong(
            OF,
            format!("no end of it within {} s", config.timeout),
            "is it the right port? 465 wants smtps://, 587 smtp://…?tls=required; a firewall may swallow it",
        ),
    };
    vec![finding]
}

fn advice(broken: &Broken) -> &'static str {
    let Broken::At { step, .. } = broken else {
        return "mend the setting";
    };
    match *step {
        "connecting" => {
            "is mail.smtp_url right? 465 wants smtps://, 587 smtp://…?tls=required, and many networks block port 25"
        }
        "STARTTLS" => {
            "the server offers no STARTTLS, or its certificate is not trusted: mail.ca_certificates"
        }
        "signing in" => {
            "user and password of mail.smtp_url are wrong, or not percent-encoded (`/` is %2F, `@` is %40)"
        }
        _ => "the server does not take mail from this sender: may this user send as mail.from?",
    }
}
