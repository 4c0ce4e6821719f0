//! Providers to sign in with: each reached as a sign-in would reach it, as far as that goes without a person.

use super::{Finding, Patient};
use crate::providers::{Error, Providers};

const OF: &str = "providers";

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let providers = match Providers::new(&patient.config.oauth, &patient.clock) {
        Ok(providers) => providers,
        Err(fault) => return vec![Finding::wrong(OF, fault.to_string(), "mend that section")],
    };
    if providers.all().is_empty() {
        return vec![Finding::ok(OF, "none: people sign in with a password")];
    }
    let mut found = Vec::new();
    for provider in providers.all() {
        let (id, name) = (provider.id(), provider.name());
        found.push(match provider.probe().await {
            Ok(()) => Finding::ok(OF, format!("{name} answers; it sends people back to {}", back(patient, id))),
            Err(Error::Unavailable(reason)) => Finding::wrong(
                OF,
                format!("{name} cannot be reached: {reason}"),
                format!("is it inside of your network? Then set oauth.{id}.allow_private; else look for a firewall between"),
            ),
            Err(Error::Refused(reason)) => Finding::wrong(
                OF,
                format!("{name} is not what it should be: {reason}"),
                format!("look at oauth.{id}.issuer, and at each address that is set there"),
            ),
        });
    }
    found
}

/// What the provider has to know as a redirect address.
fn back(patient: &Patient, id: &str) -> String {
    let path = format!("/api/auth/oauth/{id}/callback");
    patient
        .site
        .as_ref()
        .map_or_else(|| path.clone(), |site| site.link(&path))
}
