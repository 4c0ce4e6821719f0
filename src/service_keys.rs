//! Service keys: the credentials of backends.

use ipnet::IpNet;

use crate::audit::Origin;
use crate::clock::Timestamp;
use crate::context::Context;
use crate::error::FieldError;
use crate::ids::ServiceKeyId;
use crate::roles::Permission;
use crate::secret::PlainToken;
use crate::store;

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

#[derive(Debug)]
pub struct NewServiceKey {
    pub name: String,
    pub scopes: Vec<Permission>,
    pub allow: Vec<IpNet>,
    pub expires_in: Option<std::time::Duration>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the service key is unknown, expired or revoked")]
    Invalid,
    #[error("the service key may not be used from this address")]
    Address,
    #[error("there is no such service key")]
    NotFound,
    #[error("a field is wrong")]
    Fields(Vec<FieldError>),
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Clone, Debug)]
pub struct ServiceKeys {
    cx: Context,
}

impl ServiceKeys {
    #[must_use]
    pub fn new(cx: Context) -> Self {
        Self { cx }
    }
    /// The secret `pck_<id>_<secret>` is shown this once.
    pub async fn create(&self, _new: NewServiceKey, _by: &Origin) -> Result<(ServiceKey, PlainToken), Error> {
        todo!()
    }
    pub async fn list(&self) -> Result<Vec<ServiceKey>, Error> {
        todo!()
    }
    pub async fn revoke(&self, _id: ServiceKeyId, _by: &Origin) -> Result<(), Error> {
        todo!()
    }
    /// Checks a presented key (hash in constant time, expiry, revocation, CIDRs).
    pub async fn authenticate(
        &self,
        _presented: &PlainToken,
        _ip: std::net::IpAddr,
    ) -> Result<ServiceKey, Error> {
        todo!()
    }
}
