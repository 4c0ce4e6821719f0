//! The master secret, and whether it opens what was sealed with it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::{Finding, Patient};
use crate::clock::Timestamp;
use crate::config::{Config, Env, Source};
use crate::secret::MasterKey;
use crate::sessions;
use crate::store::signing_keys::{KeyStatus, Row};

const MASTER: &str = "master secret";
const SIGNING: &str = "signing keys";

/// The key of the configuration; in development that of the data folder, if one was made.
pub(super) fn master(config: &Config) -> Option<MasterKey> {
    let is_there = config.secrets.master.is_some() || config.generated_master().exists();
    let secret = is_there.then(|| config.master_secret().ok())??;
    Some(MasterKey::from_secret(&secret))
}

pub(super) fn look_at_master(patient: &Patient) -> Vec<Finding> {
    let shown = patient.shown.iter().find(|shown| shown.key == "secrets.master");
    let source = shown.map(|shown| &shown.source);
    let finding = match (&patient.config.secrets.master, source) {
        (Some(_), Some(Source::VariableFile { path, .. })) => in_file(patient, "given", path),
        (Some(_), Some(Source::File(path))) => in_file(patient, "in the configuration file", path),
        (Some(_), Some(source)) => Finding::ok(MASTER, format!("given by {source}")),
        _ if patient.config.env == Env::Production => return Vec::new(),
        _ => {
            let path = patient.config.generated_master();
            if path.exists() {
                in_file(patient, "generated for development", &path)
            } else {
                Finding::ok(MASTER, "none yet: `serve` makes one for development")
            }
        }
    };
    vec![finding]
}

fn in_file(patient: &Patient, how: &str, path: &Path) -> Finding {
    let about = match std::fs::metadata(path) {
        Ok(about) => about,
        Err(error) => {
            return Finding::warn(MASTER, format!("{}: {error}", path.display()), "make it readable");
        }
    };
    let written = about.modified().ok();
    let written = written.and_then(|then| then.duration_since(UNIX_EPOCH).ok());
    let age = written.map_or_else(String::new, |written| {
        let written = Timestamp::default() + written;
        let age = patient.clock.now().since(written);
        format!(", {} days old", age.as_secs() / 86_400)
    });
    let what = format!("{how}, {}{age}", path.display());
    if about.permissions().mode().trailing_zeros() >= 3 {
        Finding::ok(MASTER, what)
    } else {
        let todo = format!(
            "everybody on this machine may read it: `chmod o= {}`",
            path.display()
        );
        Finding::warn(MASTER, what, todo)
    }
}

/// The signing keys in the database.
pub(super) fn look(patient: &Patient, rows: &[Row]) -> Finding {
    let of = |status| rows.iter().find(|row| row.status == status);
    let Some(active) = of(KeyStatus::Active) else {
        return Finding::ok(SIGNING, "none yet: the first start makes them");
    };
    let Some(master) = &patient.master else {
        return Finding::wrong(
            SIGNING,
            "there are some, and no master secret to open them",
            "set secrets.master to the secret that this database was used with; docs/OPERATIONS.md says what if it is lost",
        );
    };
    if let Err(error) = sessions::open_keys(rows, master) {
        return Finding::wrong(
            SIGNING,
            format!("they cannot be opened: {error}"),
            "secrets.master is not the one that this database was used with; docs/OPERATIONS.md says what if it is lost",
        );
    }
    let age = patient.clock.now().since(active.created_at);
    let rotation = Duration::from_secs(patient.config.tokens.key_rotation.into());
    let what = format!(
        "opened; {} signs, published {} days ago",
        active.kid,
        age.as_secs() / 86_400
    );
    // A running hub rotates by itself; a key is published one rotation before it signs.
    if !rotation.is_zero() && age > rotation * 2 + Duration::from_hours(24) {
        let todo = "no node has rotated for long: is one running? `portcullis keys rotate` does it now";
        return Finding::warn(SIGNING, what, todo);
    }
    Finding::ok(SIGNING, what)
}
