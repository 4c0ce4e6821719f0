//! The signing keys of one moment, opened: one signs, some verify. Read from SQL by `signing_keys`.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Error, jwt};
use crate::clock::Timestamp;
use crate::secret::{MasterKey, Rng};
use crate::store::signing_keys::{KeyStatus, Row};

const PURPOSE: &str = "signing key";
const ALGORITHM: &str = "EdDSA";

/// The keys of one moment.
#[derive(Debug)]
pub(super) struct KeySet {
    active: Signer,
    /// Newest first.
    verifiers: Vec<Verifier>,
    /// Since when the next key has been published.
    next_since: Option<Timestamp>,
    withdrawn: Vec<String>,
}

#[derive(Debug)]
struct Signer {
    kid: String,
    key: EncodingKey,
}

#[derive(Debug)]
struct Verifier {
    kid: String,
    key: DecodingKey,
    /// The public key as `x` of a JWK (RFC 8037).
    x: String,
    /// `None`: no end is set.
    until: Option<Timestamp>,
}

impl KeySet {
    /// Takes up the keys in `rows`, and opens those that sign or are going to.
    pub(super) fn read(rows: &[Row], master: &MasterKey) -> Result<Self, Error> {
        let (mut active, mut next_since, mut withdrawn) = (None, None, Vec::new());
        let mut verifiers = Vec::with_capacity(rows.len());
        for row in rows {
            match row.status {
                KeyStatus::Withdrawn => {
                    withdrawn.push(row.kid.clone());
                    continue;
                }
                KeyStatus::Retired if row.verifies_until.is_none() => continue,
                KeyStatus::Active => {
                    active = Some(Signer {
                        kid: row.kid.clone(),
                        key: open(row, master)?,
                    });
                }
                // Opened to learn at the start, not at the next rotation, that the master secret is wrong.
                KeyStatus::Next => {
                    open(row, master)?;
                    next_since = Some(row.created_at);
                }
                KeyStatus::Retired => {}
            }
            verifiers.push(Verifier {
                kid: row.kid.clone(),
                key: DecodingKey::from_ed_der(&row.public_key),
                x: BASE64URL_NOPAD.encode(&row.public_key),
                until: row.verifies_until.filter(|_| row.status == KeyStatus::Retired),
            });
        }
        let active = active.ok_or_else(|| Error::Signing("there is no active signing key".to_owned()))?;
        Ok(Self {
            active,
            verifiers,
            next_since,
            withdrawn,
        })
    }

    /// Whether a key of this set has been withdrawn by the time of `later`.
    pub(super) fn loses_to(&self, later: &Self) -> bool {
        let withdrawn = |verifier: &Verifier| later.withdrawn.contains(&verifier.kid);
        self.verifiers.iter().any(withdrawn)
    }

    /// Since when the next key has been published, if there is one.
    pub(super) fn next_since(&self) -> Option<Timestamp> {
        self.next_since
    }

    /// Signs with the active key.
    pub(super) fn sign<C: Serialize>(&self, typ: &str, claims: &C) -> Result<String, Error> {
        jwt::sign(typ, &self.active.kid, &self.active.key, claims)
    }

    /// The key that verifies what `kid` signed, if it still does at `now`.
    pub(super) fn find(&self, kid: &str, now: Timestamp) -> Option<&DecodingKey> {
        self.valid(now)
            .find(|verifier| verifier.kid == kid)
            .map(|verifier| &verifier.key)
    }

    /// The JWK set (RFC 7517, RFC 8037): next, active, and retired keys that still verify.
    pub(super) fn jwks(&self, now: Timestamp) -> Value {
        let jwk = |verifier: &Verifier| {
            json!({
                "kty": "OKP", "crv": "Ed25519", "x": verifier.x,
                "kid": verifier.kid, "alg": ALGORITHM, "use": "sig",
            })
        };
        json!({ "keys": self.valid(now).map(jwk).collect::<Vec<_>>() })
    }

    fn valid(&self, now: Timestamp) -> impl Iterator<Item = &Verifier> {
        self.verifiers
            .iter()
            .filter(move |verifier| verifier.until.is_none_or(|until| now < until))
    }

    /// Signs and verifies once, so that a key that does not work stops the start.
    pub(super) fn try_out(&self, now: Timestamp) -> Result<(), Error> {
        let token = self.sign("probe", &json!({ "iat": now.seconds() }))?;
        let works = jwt::Unverified::parse(&token, "probe")
            .and_then(|parsed| parsed.open::<Value>(self.find(&parsed.kid, now)?));
        works.map(drop).ok_or_else(|| {
            Error::Signing(format!(
                "signing key {} does not verify what it signs",
                self.active.kid
            ))
        })
    }
}

fn open(row: &Row, master: &MasterKey) -> Result<EncodingKey, Error> {
    let pkcs8 = master
        .open(PURPOSE, row.kid.as_bytes(), &row.private_key)
        .map_err(|error| Error::Signing(format!("signing key {}: {error}", row.kid)))?;
    Ok(EncodingKey::from_ed_der(&Zeroizing::new(pkcs8)))
}

/// A new key. Its name is random, so that it tells nothing and no two nodes choose the same.
pub(super) fn generate(
    status: KeyStatus,
    master: &MasterKey,
    rng: &Rng,
    now: Timestamp,
) -> Result<Row, Error> {
    let failed = |_| Error::Signing("a signing key could not be made".to_owned());
    let mut seed = Zeroizing::new([0; 32]);
    rng.fill(seed.as_mut_slice());
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
        .map_err(|error| Error::Signing(error.to_string()))?;
    let pkcs8 = pair.to_pkcs8().map_err(failed)?;
    let mut name = [0; 16];
    rng.fill(&mut name);
    let kid = HEXLOWER.encode(&name);
    Ok(Row {
        private_key: master.seal(PURPOSE, kid.as_bytes(), pkcs8.as_ref(), rng),
        public_key: pair.public_key().as_ref().to_vec(),
        kid,
        algorithm: ALGORITHM.to_owned(),
        status,
        created_at: now,
        verifies_until: None,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;

    impl KeySet {
        /// Signs any bytes, for tokens that no honest issuer would write.
        pub(in crate::sessions) fn sign_raw(&self, message: &[u8]) -> String {
            jsonwebtoken::crypto::sign(message, &self.active.key, jsonwebtoken::Algorithm::EdDSA).unwrap()
        }
    }

    pub(in crate::sessions) const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn master() -> MasterKey {
        MasterKey::from_secret(&"a master secret of enough length".to_owned().into())
    }

    fn row(status: KeyStatus, seed: u64) -> Row {
        generate(status, &master(), &Rng::seeded(seed), NOW).unwrap()
    }

    /// A set of one active and one next key.
    pub(in crate::sessions) fn key_set() -> KeySet {
        KeySet::read(&[row(KeyStatus::Active, 1), row(KeyStatus::Next, 2)], &master()).unwrap()
    }

    #[test]
    fn a_set_signs_and_verifies_and_publishes_no_private_key() {
        let set = key_set();
        set.try_out(NOW).unwrap();
        let jwks = set.jwks(NOW);
        let keys = jwks["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 2);
        for key in keys {
            let mut fields: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
            fields.sort_unstable();
            assert_eq!(fields, ["alg", "crv", "kid", "kty", "use", "x"]);
            assert_eq!(key["x"].as_str().unwrap().len(), 43);
        }
    }

    #[test]
    fn a_retired_key_verifies_until_its_end_and_a_withdrawn_one_never() {
        let end = NOW + Duration::from_mins(5);
        let retired = Row {
            verifies_until: Some(end),
            ..row(KeyStatus::Retired, 3)
        };
        let endless = row(KeyStatus::Retired, 4);
        let withdrawn = row(KeyStatus::Withdrawn, 5);
        let rows = [row(KeyStatus::Active, 1), retired, endless, withdrawn];
        let set = KeySet::read(&rows, &master()).unwrap();
        let known = |at: usize, now| set.find(&rows[at].kid, now).is_some();
        assert!(known(0, end) && known(1, NOW));
        assert!(!known(1, end), "its time is over");
        assert!(!known(2, NOW) && !known(3, NOW));
        assert_eq!(set.jwks(end)["keys"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_set_loses_to_a_later_one_that_knows_of_a_withdrawal_and_to_no_other() {
        let withdraw = |row: &Row| Row {
            status: KeyStatus::Withdrawn,
            ..row.clone()
        };
        let (active, next) = (row(KeyStatus::Active, 1), row(KeyStatus::Next, 2));
        let set = |rows: &[Row]| KeySet::read(rows, &master()).unwrap();
        let before = set(&[active.clone(), next.clone()]);
        assert!(!before.loses_to(&before));
        assert!(
            !before.loses_to(&set(std::slice::from_ref(&active))),
            "gone is not withdrawn"
        );
        let after = set(&[active, withdraw(&next)]);
        assert!(before.loses_to(&after));
        assert!(!after.loses_to(&after), "told once");
    }

    #[test]
    fn a_wrong_master_secret_is_named() {
        let other = MasterKey::from_secret(&"another master secret, long enough".to_owned().into());
        for status in [KeyStatus::Active, KeyStatus::Next] {
            let rows = [row(KeyStatus::Active, 1), row(status, 2)];
            let error = KeySet::read(&rows, &other).unwrap_err().to_string();
            assert!(error.contains("secrets.master"), "{error}");
        }
        assert!(KeySet::read(&[row(KeyStatus::Next, 1)], &master()).is_err());
    }
}
