//! What may be a password (NIST SP 800-63B, 5.1.1): long enough, not guessable, otherwise anything.

use secrecy::SecretString;

use crate::config;
use crate::error::FieldError;

/// A password that passed [`check`].
#[derive(Clone, Debug)]
pub struct Password(SecretString);

/// Accepts `typed` exactly as it is, or says in the field `field` what is wrong with it (`weak_password`, `too_short`, `too_long`).
pub fn check(
    _typed: SecretString,
    _field: &str,
    _context: &[&str],
    _config: &config::Passwords,
) -> Result<Password, FieldError> {
    todo!()
}
