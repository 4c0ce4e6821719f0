//! `secrets.master` when nobody set it: in development one is made and kept in the data folder.
//!
//! Whatever starts at the same moment ends up with the same one: the file appears whole or not at all,
//! and only the first one stays.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{Config, Env};
use crate::secret::{PlainToken, Rng};

/// The name of the generated secret in the data folder.
const FILE: &str = "master.secret";
/// What a generated secret begins with, so that it is known for one wherever it was copied to.
pub(super) const GENERATED: &str = "portcullis-development-";
/// The least length of a master secret.
pub(super) const MIN_LENGTH: usize = 32;

/// Why there is no master secret.
#[derive(Debug, thiserror::Error)]
pub enum MasterError {
    #[error("secrets.master is not set; set it to at least {MIN_LENGTH} random characters")]
    Missing,
    #[error("the generated secret {path} cannot be used: {reason}; set secrets.master, or mend the file", path = path.display())]
    File { path: PathBuf, reason: String },
}

impl Config {
    /// The master secret: the configured one; in development else the generated one, made at the first call.
    ///
    /// # Errors
    /// When there is none in production, or the data folder cannot be read or written.
    pub fn master_secret(&self) -> Result<SecretString, MasterError> {
        if let Some(secret) = &self.secrets.master {
            return Ok(secret.clone());
        }
        if self.env == Env::Production {
            return Err(MasterError::Missing);
        }
        let path = self.data_dir.join(FILE);
        generate(&path).map_err(|error| MasterError::File {
            path,
            reason: error.to_string(),
        })
    }
}

impl Config {
    /// Where the generated secret of development is, or would be.
    #[must_use]
    pub fn generated_master(&self) -> PathBuf {
        self.data_dir.join(FILE)
    }
}

/// The secret that an earlier run in development left in `data_dir`.
pub(super) fn generated(data_dir: &Path) -> Option<String> {
    std::fs::read_to_string(data_dir.join(FILE))
        .ok()
        .map(|text| text.trim().to_owned())
}

fn generate(path: &Path) -> std::io::Result<SecretString> {
    match read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        done => return done,
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let rng = Rng::System;
    let mine = folder.join(PlainToken::generate(".master.secret-", &rng).expose());
    write(&mine, PlainToken::generate(GENERATED, &rng).expose())?;
    // A link is made whole and never replaces: who comes second finds the first one's secret.
    let linked = std::fs::hard_link(&mine, path);
    std::fs::remove_file(&mine)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => {
            // The name must survive a power cut as surely as what will be encrypted under it.
            File::open(folder)?.sync_all()?;
            read(path)
        }
    }
}

fn write(path: &Path, secret: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn read(path: &Path) -> std::io::Result<SecretString> {
    let mut text = String::new();
    File::open(path)?.read_to_string(&mut text)?;
    let text = text.trim();
    if text.chars().count() < MIN_LENGTH {
        let reason = format!("it holds fewer than {MIN_LENGTH} characters");
        return Err(std::io::Error::new(ErrorKind::InvalidData, reason));
    }
    Ok(text.to_owned().into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("portcullis-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn sixteen_starts_at_once_share_one_secret() {
        for round in 0..20 {
            let folder = folder(&format!("race-{round}"));
            let path = folder.join(FILE);
            let barrier = std::sync::Barrier::new(16);
            let start = || {
                barrier.wait();
                generate(&path).unwrap().expose_secret().to_owned()
            };
            let secrets: Vec<String> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(secrets.iter().all(|secret| *secret == secrets[0]));
            assert!(secrets[0].starts_with(GENERATED));
            let left: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
            assert_eq!(left.len(), 1, "nothing but the secret is left behind");
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            std::fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn the_generated_secret_is_read_back_and_a_short_one_is_refused() {
        let folder = folder("again");
        let mut config = Config::for_development();
        config.data_dir.clone_from(&folder);
        let first = config.master_secret().unwrap();
        assert_eq!(
            first.expose_secret(),
            config.master_secret().unwrap().expose_secret()
        );
        std::fs::write(folder.join(FILE), "short\n").unwrap();
        assert!(config.master_secret().is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn production_generates_nothing() {
        let mut config = Config::for_development();
        config.env = Env::Production;
        config.data_dir = folder("never");
        assert!(matches!(config.master_secret(), Err(MasterError::Missing)));
        assert!(!config.data_dir.exists());
    }
}
