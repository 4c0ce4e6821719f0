//! `GET /api/hub`: which nodes there are, how far each has come, and how they hear of each other.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{HubRead, Json, Management};
use super::problem::{CommonProblems, ManagementProblems, Problem};
use crate::app::App;
use crate::clock::Timestamp;
use crate::ids::NodeId;
use crate::store::nodes::Node;

/// The hub as it stands now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hub)]
pub struct HubJson {
    /// The node that answers.
    #[serde(rename = "self")]
    #[schema(value_type = uuid::Uuid)]
    own: NodeId,
    /// Every node that has reported within the last hour.
    nodes: Vec<NodeJson>,
    journal: JournalJson,
    bus: BusJson,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Node)]
pub struct NodeJson {
    #[schema(value_type = uuid::Uuid)]
    id: NodeId,
    /// Where it listens.
    address: String,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// Sockets that are open on it.
    connections: i64,
    /// The sequence of the newest row of the journal that it has applied; 0 when there was none since its start.
    position: i64,
    /// How old the last read of the journal is that it has fully applied.
    lag_ms: i64,
    /// How long its sockets may live without another word from it. 0: they have closed by themselves.
    lease_ms: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Journal)]
pub struct JournalJson {
    /// The sequence of the newest row.
    position: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bus)]
pub struct BusJson {
    /// `local` or `redis`.
    kind: &'static str,
    /// `up`, or `down`: then nodes hear of each other by the journal alone.
    state: &'static str,
}

impl From<Node> for NodeJson {
    fn from(node: Node) -> Self {
        let millis = |micros: i64| (micros / 1_000).max(0);
        Self {
            id: node.id,
            address: node.address,
            started_at: node.started_at,
            connections: node.connections,
            position: node.position,
            lag_ms: millis(node.lag),
            lease_ms: millis(node.lease),
        }
    }
}

/// Read the hub
///
/// Needs `hub:read`. The nodes, how far each has applied the journal, and how they hear of each other.
#[utoipa::path(
    get,
    path = "/api/hub",
    operation_id = "read_hub",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["hub:read"])),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 200, description = "The hub as it stands now", body = HubJson),
    )
)]
pub async fn read(State(app): State<App>, _: Management<HubRead>) -> Result<Json<HubJson>, Problem> {
    let hub = &app.cx.hub;
    let overview = hub.overview().await?;
    Ok(Json(HubJson {
        own: hub.node(),
        nodes: overview.nodes.into_iter().map(Into::into).collect(),
        journal: JournalJson {
            position: overview.newest,
        },
        bus: BusJson {
            kind: hub.bus().kind(),
            state: hub.bus().state(),
        },
    }))
}
