//! The configuration: what is allowed and seldom meant.

use super::{Finding, Patient};
use crate::config::Env;

const OF: &str = "configuration";

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let env = match patient.config.env {
        Env::Development => "valid, for development",
        Env::Production => "valid, for production",
    };
    let hazards = patient.config.hazards().into_iter();
    let hazards = hazards.map(|hazard| Finding::warn(OF, hazard.key, hazard.problem));
    [Finding::ok(OF, env)].into_iter().chain(hazards).collect()
}
