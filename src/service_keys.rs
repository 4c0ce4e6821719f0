//! Service keys: the credentials of backends.
//!
//! A key reads `pck_<id>_<secret>`: the id finds the row, the secret (256 bits) proves the right, and
//! only its SHA-256 is stored. A key has scopes, may end, and may be bound to networks. Called by `http`
//! for every request that bears one, and by `cli`.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use uuid::Uuid;

use crate::audit::{self, Action, Actor, Origin, Record};
use crate::clock::Timestamp;
use crate::context::Context;
use crate::error::{Code, FieldError};
use crate::ids::ServiceKeyId;
use crate::limits::{Exceeded, Limits};
use crate::roles::{Authority, Permission, Unconfirmed};
use crate::secret::{PlainToken, TokenHash};
use crate::store::{self, Tx, service_keys};

/// What every service key begins with.
pub const PREFIX: &str = "pck_";
/// The longest name, in characters.
pub const MAX_NAME: usize = 100;
/// The most networks that a key is bound to.
pub const MAX_NETWORKS: usize = 64;
/// The longest a key may live when its end is set, in seconds: ten years.
pub const MAX_LIFETIME: u32 = 10 * 365 * 24 * 3600;

/// A service key without its secret.
#[derive(Clone, Debug)]
pub struct ServiceKey {
    pub id: ServiceKeyId,
    pub name: String,
    pub scopes: Vec<Permission>,
    /// CIDRs it may be used from; empty: any.
    pub allow: Vec<IpNet>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl From<service_keys::Row> for ServiceKey {
    fn from(row: service_keys::Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            // A scope that this version does not know gives no right.
            scopes: row.scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
            allow: row.allow,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        }
    }
}

/// The key that is to be made.
#[derive(Debug)]
pub struct NewServiceKey {
    /// 1 to 100 characters, for people.
    pub name: String,
    /// At least one.
    pub scopes: Vec<Permission>,
    /// CIDRs it may be used from; empty: any.
    pub allow: Vec<IpNet>,
    /// At most ten years; `None`: until it is revoked.
    pub expires_in: Option<Duration>,
}

/// Why an act with a service key was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// With the key's id, where there is one of this id: its secret was another one, or its time is over.
    #[error("the service key is unknown, expired or revoked")]
    Invalid(Option<ServiceKeyId>),
    #[error("the service key may not be used from this address")]
    Address(ServiceKeyId),
    #[error("there is no such service key")]
    NotFound,
    #[error("a field is wrong")]
    Fields(Vec<FieldError>),
    /// A scope that is given is one which the caller lacks.
    #[error("this needs a permission that you do not hold: {0}")]
    Lacking(Permission),
    /// The caller lost the right, or its credential, since the request came in.
    #[error(transparent)]
    Caller(#[from] Unconfirmed),
    #[error(transparent)]
    Limited(#[from] Exceeded),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// The code that the audit log keeps of a refused act; `None` for typing errors and faults of the server.
    const fn audited(&self) -> Option<Code> {
        match self {
            Self::Lacking(_) => Some(Code::Forbidden),
            Self::Caller(caller) => caller.code(),
            Self::NotFound => Some(Code::NotFound),
            Self::Invalid(_) | Self::Address(_) | Self::Fields(_) | Self::Limited(_) | Self::Store(_) => None,
        }
    }
}

/// The service. Clones share.
#[derive(Clone, Debug)]
pub struct ServiceKeys {
    cx: Context,
    limits: Limits,
}

impl ServiceKeys {
    #[must_use]
    pub fn new(cx: Context, limits: Limits) -> Self {
        Self { cx, limits }
    }

    /// Makes a key; the secret `pck_<id>_<secret>` is shown this once. Nobody gives a scope that they do
    /// not hold themselves when the key is written.
    ///
    /// # Errors
    /// [`Error::Fields`], [`Error::Lacking`], [`Error::Caller`], or a failure of storage.
    pub async fn create(&self, new: NewServiceKey, by: &Origin) -> Result<(ServiceKey, PlainToken), Error> {
        let wanted = serde_json::json!({ "scopes": new.scopes });
        let result = self.try_create(new, by).await;
        self.audited(Action::KeyCreate, wanted, by, result).await
    }

    async fn try_create(&self, new: NewServiceKey, by: &Origin) -> Result<(ServiceKey, PlainToken), Error> {
        let faults = faults(&new);
        if !faults.is_empty() {
            return Err(Error::Fields(faults));
        }
        let id = ServiceKeyId::generate(&self.cx.clock, &self.cx.rng);
        let token = PlainToken::generate(&prefix(id), &self.cx.rng);
        let now = self.cx.now();
        let mut scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        let row = service_keys::Row {
            id,
            name: new.name.trim().to_owned(),
            secret_hash: secret_hash(&token).bytes().to_vec(),
            scopes: scopes.into_iter().map(str::to_owned).collect(),
            allow: new.allow.into_iter().map(canonical).collect(),
            created_at: now,
            expires_at: new.expires_in.map(|lifetime| now + lifetime),
            revoked_at: None,
        };
        let details = serde_json::json!({ "key": id, "scopes": row.scopes, "expires_at": row.expires_at });
        let mut tx = self.cx.db.begin().await?;
        let may = self.confirm(&mut tx, by, now).await?;
        if let Some(missing) = may.lacks(&row.scopes) {
            return Err(Error::Lacking(missing));
        }
        service_keys::insert(&mut tx, &row).await?;
        audit::record(
            &mut tx,
            &self.cx,
            by,
            Record::done(Action::KeyCreate).details(details),
        )
        .await?;
        tx.commit().await?;
        Ok((row.into(), token))
    }

    /// Every key, newest first, also those that have expired or were revoked.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn list(&self) -> Result<Vec<ServiceKey>, Error> {
        let rows = service_keys::list(&mut self.cx.db.read().await?).await?;
        Ok(rows.into_iter().map(ServiceKey::from).collect())
    }

    /// The key with this id, also when it has expired or was revoked.
    ///
    /// # Errors
    /// [`Error::NotFound`], or a failure of storage.
    pub async fn find(&self, id: ServiceKeyId) -> Result<ServiceKey, Error> {
        let row = service_keys::find(&mut self.cx.db.read().await?, id).await?;
        row.map(ServiceKey::from).ok_or(Error::NotFound)
    }

    /// Revokes a key. One that was revoked before stays so.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Caller`], or a failure of storage.
    pub async fn revoke(&self, id: ServiceKeyId, by: &Origin) -> Result<(), Error> {
        let wanted = serde_json::json!({ "key": id });
        let result = self.try_revoke(id, by).await;
        self.audited(Action::KeyRevoke, wanted, by, result).await
    }

    async fn try_revoke(&self, id: ServiceKeyId, by: &Origin) -> Result<(), Error> {
        let now = self.cx.now();
        let mut tx = self.cx.db.begin().await?;
        self.confirm(&mut tx, by, now).await?;
        if !service_keys::revoke(&mut tx, id, now).await? {
            let known = service_keys::find(&mut tx, id).await?;
            return known.map(drop).ok_or(Error::NotFound);
        }
        let details = serde_json::json!({ "key": id });
        audit::record(
            &mut tx,
            &self.cx,
            by,
            Record::done(Action::KeyRevoke).details(details),
        )
        .await?;
        Ok(tx.commit().await?)
    }

    /// What the caller may do now. A change of a person's own role waits for this act, or this act for it.
    async fn confirm(&self, tx: &mut Tx, by: &Origin, now: Timestamp) -> Result<Authority, Error> {
        if let Actor::User { id, .. } = by.actor {
            store::users::lock(tx, id).await?;
        }
        Ok(Authority::confirm(tx, by, Permission::KeysWrite, now).await?)
    }

    /// Writes a refusal of what was `wanted` to the audit log, in a transaction of its own, and hands the result
    /// on.
    async fn audited<T>(
        &self,
        action: Action,
        wanted: serde_json::Value,
        by: &Origin,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(code) = result.as_ref().err().and_then(Error::audited) {
            let record = Record::refused(action, code).details(wanted);
            audit::write(&self.cx, by, record).await?;
        }
        result
    }

    /// Checks a presented key: secret, expiry, revocation, and the address `ip` of the caller. A key that
    /// is bound to networks is good only where the address is `certain`. `purpose` is what it shall do; whether
    /// it may is for the caller to look.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Limited`] after too many of those from one address, which never stops
    /// a good key; [`Error::Address`] for a good key in the wrong place; or a failure of storage.
    pub async fn authenticate(
        &self,
        presented: &PlainToken,
        ip: IpAddr,
        certain: bool,
        purpose: Permission,
    ) -> Result<ServiceKey, Error> {
        let mut tx = match purpose {
            // A crowd at sign-in delays no forced logout.
            Permission::SessionsRevoke => self.cx.db.read_to_revoke().await?,
            _ => self.cx.db.read().await?,
        };
        let row = self.find_live(&mut tx, presented).await?;
        drop(tx);
        let row = match row {
            Ok(row) => row,
            Err(known) => {
                self.limits.token(Some(ip)).await?;
                return Err(Error::Invalid(known));
            }
        };
        if !allows(&row.allow, ip, certain) {
            return Err(Error::Address(row.id));
        }
        Ok(row.into())
    }

    /// The key whose secret was presented, unless it is over. Otherwise the id of the key that was meant.
    async fn find_live(
        &self,
        tx: &mut Tx,
        presented: &PlainToken,
    ) -> Result<Result<service_keys::Row, Option<ServiceKeyId>>, store::Error> {
        let Some((id, secret)) = parse(presented.expose()) else {
            return Ok(Err(None));
        };
        let row = service_keys::find(tx, id).await?;
        let given = TokenHash::of(secret.as_bytes());
        // An unknown id costs the same comparison, with a hash that no secret has.
        let stored = row.as_ref().map_or([0; 32].as_slice(), |row| &row.secret_hash);
        let matches = given.matches(stored);
        let known = row.as_ref().map(|row| row.id);
        let live = row.filter(|row| matches && row.is_live(self.cx.now()));
        Ok(live.ok_or(known))
    }
}

fn prefix(id: ServiceKeyId) -> String {
    format!("{PREFIX}{}_", id.uuid().simple())
}

/// The hash of what follows the id.
fn secret_hash(token: &PlainToken) -> TokenHash {
    TokenHash::of(parse(token.expose()).map_or("", |(_, secret)| secret).as_bytes())
}

/// Takes `pck_<id>_<secret>` apart: 32 lower-case hexadecimal digits, 43 characters of base64url.
fn parse(text: &str) -> Option<(ServiceKeyId, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    let base64 = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    if id.len() != 32 || !id.bytes().all(hex) || secret.len() != 43 || !secret.bytes().all(base64) {
        return None;
    }
    Some((ServiceKeyId::from(Uuid::try_parse(id).ok()?), secret))
}

/// A network of IPv4 addresses written in IPv6 (`::ffff:192.0.2.0/120`) is the IPv4 network.
fn canonical(net: IpNet) -> IpNet {
    let net = net.trunc();
    if let (IpAddr::V4(ip), Some(length)) = (net.addr().to_canonical(), net.prefix_len().checked_sub(96))
        && matches!(net, IpNet::V6(_))
        && let Ok(net) = Ipv4Net::new(ip, length)
    {
        return IpNet::V4(net);
    }
    net
}

/// Whether `ip`, if it is `certain`, is in one of `nets`; no nets allow every caller. `::ffff:192.0.2.1`
/// is `192.0.2.1`.
fn allows(nets: &[IpNet], ip: IpAddr, certain: bool) -> bool {
    let ip = ip.to_canonical();
    nets.is_empty() || (certain && nets.iter().any(|net| net.contains(&ip)))
}

fn faults(new: &NewServiceKey) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, code, detail: &str| faults.push(FieldError::new(field, code, detail));
    if new.name.trim().is_empty() {
        fault("name", "required", "give the key a name");
    } else if new.name.chars().count() > MAX_NAME {
        let detail = format!("a name has at most {MAX_NAME} characters");
        fault("name", "too_long", &detail);
    } else if new.name.chars().any(char::is_control) {
        fault("name", "invalid", "a name has no control characters");
    }
    if new.scopes.is_empty() {
        fault("scopes", "required", "a key without a scope can do nothing");
    }
    if new.allow.len() > MAX_NETWORKS {
        let detail = format!("a key is bound to at most {MAX_NETWORKS} networks");
        fault("allow", "too_long", &detail);
    }
    if new
        .expires_in
        .is_some_and(|lifetime| lifetime.is_zero() || lifetime > Duration::from_secs(MAX_LIFETIME.into()))
    {
        fault(
            "expires_in",
            "invalid",
            "a key ends in the future, within ten years",
        );
    }
    faults
}

#[cfg(test)]
mod tests;
