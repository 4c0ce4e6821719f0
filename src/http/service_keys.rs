//! Service keys: the credentials of backends.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use ipnet::IpNet;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{Fault, Fields, Json, KeysWrite, Management, PathId, Read, values};
use super::problem::{BodyProblems, CommonProblems, ManagementProblems, Problem};
use super::schemas::{Network, Scope};
use crate::app::App;
use crate::clock::Timestamp;
use crate::ids::ServiceKeyId;
use crate::roles::Permission;
use crate::service_keys::{Error, MAX_LIFETIME, MAX_NAME, MAX_NETWORKS, NewServiceKey, ServiceKey};

/// The key to make.
#[derive(Debug, ToSchema)]
pub struct ServiceKeyBody {
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    #[schema(value_type = Vec<Scope>, min_items = 1, max_items = 10)]
    scopes: Vec<Permission>,
    /// Seconds; never unless set.
    #[schema(minimum = 1, maximum = 315_360_000)]
    expires_in: Option<u32>,
    /// Addresses and CIDRs it may be used from; any unless set.
    #[schema(value_type = Option<Vec<Network>>, max_items = 64)]
    allow: Vec<IpNet>,
}

impl Read for ServiceKeyBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", values::text(MAX_NAME));
        let mut scopes = fields.required("scopes", values::list(Permission::ALL.len(), scope));
        if scopes.as_ref().is_some_and(Vec::is_empty) {
            fields.fault("scopes", Fault::new("too_short", "name at least one scope"));
        }
        if let Some(scopes) = &mut scopes {
            scopes.sort_unstable();
            scopes.dedup();
        }
        let expires_in = fields.optional("expires_in", values::number(1..=MAX_LIFETIME));
        let allow = fields
            .optional("allow", values::list(MAX_NETWORKS, net))
            .unwrap_or_default();
        Some(Self {
            name: name?,
            scopes: scopes?,
            expires_in,
            allow,
        })
    }
}

fn scope(text: &str) -> Result<Permission, Fault> {
    text.parse().map_err(|_| {
        let known: Vec<_> = Permission::ALL
            .iter()
            .map(|permission| permission.as_str())
            .collect();
        Fault::new("unknown_scope", format!("must be some of {}", known.join(", ")))
    })
}

/// A CIDR, or one address.
fn net(text: &str) -> Result<IpNet, Fault> {
    let one = || {
        text.parse::<IpAddr>()
            .ok()
            .map(|ip| IpNet::from(ip.to_canonical()))
    };
    let net = text.parse::<IpNet>().ok().or_else(one);
    net.ok_or_else(|| Fault::new("invalid", "must be addresses or CIDRs, as in 10.0.0.0/8"))
}

/// A service key without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceKey)]
pub struct ServiceKeyJson {
    #[schema(value_type = uuid::Uuid)]
    id: ServiceKeyId,
    name: String,
    #[schema(value_type = Vec<Scope>)]
    scopes: Vec<Permission>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Vec<Network>)]
    allow: Vec<IpNet>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// A new service key, with its secret this once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewServiceKey)]
pub struct NewServiceKeyJson {
    #[serde(flatten)]
    key: ServiceKeyJson,
    /// `pck_…`: shown this once.
    secret: String,
}

/// Every service key that was not revoked.
#[derive(Serialize, ToSchema)]
pub struct ServiceKeyList {
    items: Vec<ServiceKeyJson>,
}

impl From<ServiceKey> for ServiceKeyJson {
    fn from(key: ServiceKey) -> Self {
        let ServiceKey {
            id,
            name,
            scopes,
            expires_at,
            allow,
            created_at,
            ..
        } = key;
        Self {
            id,
            name,
            scopes,
            expires_at,
            allow,
            created_at,
        }
    }
}

/// List service keys
///
/// Needs `keys:write`.
#[utoipa::path(
    get,
    path = "/api/service_keys",
    operation_id = "list_service_keys",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["keys:write"])),
    responses(CommonProblems, ManagementProblems, (status = 200, description = "All of them", body = ServiceKeyList))
)]
pub async fn list(State(app): State<App>, _: Management<KeysWrite>) -> Result<Json<ServiceKeyList>, Problem> {
    let keys = app.service_keys.list().await?;
    let live = keys.into_iter().filter(|key| key.revoked_at.is_none());
    Ok(Json(ServiceKeyList {
        items: live.map(Into::into).collect(),
    }))
}

/// Make a service key
///
/// Needs `keys:write`, and every scope that is given.
#[utoipa::path(
    post,
    path = "/api/service_keys",
    operation_id = "create_service_key",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["keys:write"])),
    request_body = ServiceKeyBody,
    responses(
        CommonProblems,
        BodyProblems,
        ManagementProblems,
        (status = 201, description = "The key, with its secret this once", body = NewServiceKeyJson),
    )
)]
pub async fn create(
    State(app): State<App>,
    caller: Management<KeysWrite>,
    Json(body): Json<ServiceKeyBody>,
) -> Result<(StatusCode, Json<NewServiceKeyJson>), Problem> {
    let ServiceKeyBody {
        name,
        scopes,
        expires_in,
        allow,
    } = body;
    let expires_in = expires_in.map(|seconds| Duration::from_secs(seconds.into()));
    let new = NewServiceKey {
        name,
        scopes,
        allow,
        expires_in,
    };
    let (key, secret) = app.service_keys.create(new, &caller.origin).await?;
    let key = NewServiceKeyJson {
        key: key.into(),
        secret: secret.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(key)))
}

/// Read a service key
///
/// Needs `keys:write`.
#[utoipa::path(
    get,
    path = "/api/service_keys/{id}",
    operation_id = "read_service_key",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["keys:write"])),
    params(("id" = uuid::Uuid, Path, description = "The key's id")),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 200, description = "The key, without its secret", body = ServiceKeyJson),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn read(
    State(app): State<App>,
    _: Management<KeysWrite>,
    PathId(id): PathId<ServiceKeyId>,
) -> Result<Json<ServiceKeyJson>, Problem> {
    let key = app.service_keys.find(id).await?;
    if key.revoked_at.is_some() {
        return Err(Error::NotFound.into());
    }
    Ok(Json(key.into()))
}

/// Revoke a service key
///
/// Needs `keys:write`.
#[utoipa::path(
    delete,
    path = "/api/service_keys/{id}",
    operation_id = "revoke_service_key",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["keys:write"])),
    params(("id" = uuid::Uuid, Path, description = "The key's id")),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 204, description = "It opens nothing any more"),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn revoke(
    State(app): State<App>,
    caller: Management<KeysWrite>,
    PathId(id): PathId<ServiceKeyId>,
) -> Result<StatusCode, Problem> {
    app.service_keys.revoke(id, &caller.origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
