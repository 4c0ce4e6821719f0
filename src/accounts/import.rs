//! Import: people whom other software knew, with the hashes of their passwords where there are any.
//!
//! Called by `cli/`. An account that exists already stays as it is, so that an import can be run again; a mere
//! registration that nobody proved gives way.
//! A hash stays what it is until its owner signs in: see `sessions/login.rs`.

use std::collections::BTreeSet;

use super::operator::find_claim;
use super::{Accounts, Error, check_name};
use crate::audit::{self, Action, Origin, Record};
use crate::clock::Timestamp;
use crate::email::Email;
use crate::error::FieldError;
use crate::ids::UserId;
use crate::password::ForeignHash;
use crate::roles;
use crate::store::users::{NewUser, Status, User};
use crate::store::{self, Tx};

/// A person as a file describes one; an empty text is the same as none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportRow {
    pub email: Option<String>,
    pub password_hash: Option<String>,
    pub name: Option<String>,
    pub role: Option<String>,
    pub email_verified: Option<bool>,
    pub created_at: Option<String>,
}

/// A person who can be imported.
#[derive(Debug)]
pub struct ImportedUser {
    email: Email,
    /// Without one, a recovery mail is the way in.
    password_hash: Option<ForeignHash>,
    name: Option<String>,
    role: String,
    status: Status,
    created_at: Option<Timestamp>,
}

impl ImportedUser {
    /// Checks what a file says, all of it, so that every fault is told at once.
    ///
    /// # Errors
    /// A fault for each field that will not do.
    pub fn check(described: &ImportRow, now: Timestamp) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        let email = check_email(given(described.email.as_ref()));
        let hash = given(described.password_hash.as_ref()).map(|text| {
            let invalid = |refused: crate::password::Refused| {
                FieldError::new("password_hash", "invalid", refused.to_string())
            };
            ForeignHash::parse(text).map_err(invalid)
        });
        let name = check_name(given(described.name.as_ref()));
        let created_at = given(described.created_at.as_ref()).map(|text| check_time(text, now));
        let email = keep(email, &mut faults);
        let password_hash = keep(hash.transpose(), &mut faults).flatten();
        let name = keep(name, &mut faults).flatten();
        let created_at = keep(created_at.transpose(), &mut faults).flatten();
        let Some(email) = email.filter(|_| faults.is_empty()) else {
            return Err(faults);
        };
        let role = given(described.role.as_ref()).unwrap_or(roles::DEFAULT);
        Ok(Self {
            email,
            password_hash,
            name,
            role: role.to_owned(),
            status: match described.email_verified {
                Some(true) => Status::Active,
                _ => Status::Pending,
            },
            created_at,
        })
    }

    #[must_use]
    pub fn email(&self) -> &Email {
        &self.email
    }

    #[must_use]
    pub fn role(&self) -> &str {
        &self.role
    }
}

/// What became of one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    Created,
    /// The address has an account that was activated, or that an operator made: it stays as it is.
    Exists,
    /// There is no such role, so the person was left out.
    UnknownRole,
}

impl Accounts {
    /// `user import`: writes these people in one transaction, each with a row in the audit log; answers what
    /// became of each, in their order. `dry_run` does all of it and takes it back.
    ///
    /// # Errors
    /// [`Error::Store`]; then nobody of them was written.
    pub async fn import(
        &self,
        people: &[ImportedUser],
        dry_run: bool,
        by: &Origin,
    ) -> Result<Vec<ImportOutcome>, Error> {
        let mut tx = self.cx.db.begin().await?;
        let mut outcomes = vec![ImportOutcome::UnknownRole; people.len()];
        // In the order of addresses: two imports at once wait for each other, but never in a circle. All
        // addresses before the first user, and all users before the first role, as everywhere.
        let mut order: Vec<usize> = (0..people.len()).collect();
        order.sort_unstable_by_key(|&at| &people[at].email);
        for &at in &order {
            self.lock_address(&mut tx, &people[at].email).await?;
        }
        let mut claims = Vec::with_capacity(order.len());
        for &at in &order {
            claims.push(find_claim(&mut tx, &people[at].email).await?);
        }
        let known = lock_roles(&mut tx, people).await?;
        for (at, claim) in order.into_iter().zip(claims) {
            if known.contains(people[at].role.as_str()) {
                outcomes[at] = self
                    .write_person(&mut tx, &people[at], claim.as_ref(), by)
                    .await?;
            }
        }
        if !dry_run {
            tx.commit().await?;
        }
        Ok(outcomes)
    }

    async fn write_person(
        &self,
        tx: &mut Tx,
        person: &ImportedUser,
        claim: Option<&User>,
        by: &Origin,
    ) -> Result<ImportOutcome, Error> {
        let new = NewUser {
            id: UserId::generate(&self.cx.clock, &self.cx.rng),
            email: &person.email,
            name: person.name.as_deref(),
            status: person.status,
            site_role: &person.role,
            password_hash: person.password_hash.as_ref().map(ForeignHash::as_str),
            vouched: true,
            created_at: person.created_at.unwrap_or_else(|| self.cx.now()),
        };
        if !self.write_vouched(tx, &new, claim, by).await? {
            return Ok(ImportOutcome::Exists);
        }
        let details = serde_json::json!({
            "role": person.role,
            "status": person.status.as_str(),
            "password": person.password_hash.is_some(),
        });
        let row = Record::done(Action::UserImport).user(new.id).details(details);
        audit::record(tx, &self.cx, by, row).await?;
        Ok(ImportOutcome::Created)
    }
}

/// Those of the people's roles that there are, locked in one order.
async fn lock_roles<'a>(tx: &mut Tx, people: &'a [ImportedUser]) -> Result<BTreeSet<&'a str>, store::Error> {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let wanted: BTreeSet<&str> = people.iter().map(ImportedUser::role).collect();
    for role in wanted {
        store::roles::lock(tx, role).await?;
        if store::roles::find_shared(tx, role).await?.is_some() {
            known.insert(role);
        }
    }
    Ok(known)
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn check_email(text: Option<&str>) -> Result<Email, FieldError> {
    let Some(text) = text else {
        let detail = "An address is needed.";
        return Err(FieldError::new("email", "required", detail));
    };
    Email::parse(text).map_err(|error| FieldError::new("email", "invalid", error.to_string()))
}

fn check_time(text: &str, now: Timestamp) -> Result<Timestamp, FieldError> {
    let wrong = |detail: &str| FieldError::new("created_at", "invalid", detail);
    let read = text.parse::<Timestamp>();
    let time = read.map_err(|_| wrong("Write a time as in 2026-01-31T09:30:00Z (RFC 3339)."))?;
    if time.micros() < 0 || time > now {
        return Err(wrong("It lies before 1970 or in the future."));
    }
    Ok(time)
}

fn keep<T>(checked: Result<T, FieldError>, faults: &mut Vec<FieldError>) -> Option<T> {
    checked.map_err(|fault| faults.push(fault)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn described() -> ImportRow {
        ImportRow {
            email: Some("ada@example.org".to_owned()),
            ..ImportRow::default()
        }
    }

    #[test]
    fn a_person_needs_an_address_alone() {
        let person = ImportedUser::check(&described(), NOW).unwrap();
        assert_eq!(person.email().as_str(), "ada@example.org");
        assert_eq!((person.role(), person.status), (roles::DEFAULT, Status::Pending));
        assert_eq!((person.name, person.created_at), (None, None));
        assert!(person.password_hash.is_none());
    }

    #[test]
    fn every_fault_of_a_person_is_told_at_once() {
        let person = ImportRow {
            email: Some("ada".to_owned()),
            password_hash: Some("md5$salt$hash".to_owned()),
            name: Some("Ada\nLovelace".to_owned()),
            role: Some(String::new()),
            email_verified: Some(true),
            created_at: Some("2027-02-30".to_owned()),
        };
        let faults = ImportedUser::check(&person, NOW).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["email", "password_hash", "name", "created_at"]);
        assert!(!format!("{faults:?}").contains("hash$"), "no hash is repeated");
    }

    #[test]
    fn a_time_is_rfc_3339_and_has_been() {
        for (text, fine) in [
            ("2026-01-31T09:30:00Z", true),
            ("2026-01-31T09:30:00.5+02:00", true),
            ("1969-12-31T23:59:59Z", false),
            ("2027-06-01T00:00:00Z", false),
            ("2026-01-31 09:30", false),
            ("yesterday", false),
        ] {
            assert_eq!(check_time(text, NOW).is_ok(), fine, "{text}");
        }
    }
}
