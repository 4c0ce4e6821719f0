//! `config check` and `config show`: what would a server see here?

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, output};
use crate::config::{ConfigErrors, Shown};

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
    /// Say everything that is wrong
    Check,
    /// Print every value and where it came from, secrets hidden
    Show,
}

pub(super) fn run(file: Option<&Path>, args: &Args) -> Result<(), Failure> {
    let loaded = match super::load(file) {
        Ok(loaded) => loaded,
        Err(faults) if args.json => {
            output::line(faults_as_json(&faults).to_string());
            return Err(Failure::Told);
        }
        Err(faults) => return Err(faults.into()),
    };
    match (&args.act, args.json) {
        (Act::Check, true) => {
            let hazards = loaded.config.hazards().into_iter();
            let hazards = hazards.map(|hazard| json!({ "key": hazard.key, "problem": hazard.problem }));
            let warnings: Vec<Value> = hazards.collect();
            output::line(json!({ "valid": true, "faults": [], "warnings": warnings }).to_string());
        }
        (Act::Check, false) => {
            for hazard in loaded.config.hazards() {
                output::line(format!("warning: {}: {}", hazard.key, hazard.problem));
            }
            output::line("the configuration is valid");
        }
        (Act::Show, true) => {
            let values = loaded.shown.iter().map(shown_as_json);
            output::line(json!({ "items": values.collect::<Vec<_>>() }).to_string());
        }
        (Act::Show, false) => {
            let rows: Vec<[String; 3]> = loaded.shown.iter().map(row).collect();
            output::table(["key", "value", "origin"], &rows);
        }
    }
    Ok(())
}

fn faults_as_json(faults: &ConfigErrors) -> Value {
    let fault = |fault: &crate::config::Fault| json!({ "key": fault.key, "origin": fault.source.to_string(), "problem": fault.problem });
    json!({ "valid": false, "faults": faults.0.iter().map(fault).collect::<Vec<_>>() })
}

fn shown_as_json(shown: &Shown) -> Value {
    json!({
        "key": shown.key,
        "value": shown.value,
        "origin": shown.source.to_string(),
        "secret": shown.secret,
    })
}

fn row(shown: &Shown) -> [String; 3] {
    let value = match &shown.value {
        Value::Null => "(not set)".to_owned(),
        Value::String(text) => output::plain(text),
        other => other.to_string(),
    };
    [shown.key.clone(), value, output::plain(&shown.source.to_string())]
}
