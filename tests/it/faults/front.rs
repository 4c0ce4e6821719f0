//! nginx before the nodes of a scenario, with the files of `deploy/nginx`. The crowd speaks no TLS and comes from one
//! address, so there is a door in clear, and no limit.

use std::net::SocketAddr;
use std::sync::Arc;

use super::node::Node;
use crate::support::free_address;
use crate::support::nginx::{Behind, LISTED, Nginx, replace};

/// What stands before the nodes.
#[derive(Debug)]
pub struct Front {
    pub address: SocketAddr,
    pub nginx: Nginx,
}

impl Front {
    /// Before these nodes, which are not running yet: each is told to come back to one address.
    pub async fn before(nodes: &[Arc<Node>]) -> Self {
        let mut hubs = Vec::new();
        for node in nodes {
            let http = free_address().await;
            node.set("PORTCULLIS_HTTP__LISTEN", &http.to_string());
            // Its metrics are asked for past nginx.
            hubs.push(Behind { http, metrics: http });
        }
        let address = free_address().await;
        let nginx = Nginx::adjusted(&hubs, |name, text| {
            if name == "addresses.conf" {
                return replace(&text, &LISTED.to_string(), &address.ip().to_string());
            }
            if name != "portcullis.conf" {
                return text;
            }
            let limits = "    limit_req  zone";
            let text = replace(&text, limits, &format!("    listen {address};\n{limits}"));
            let text = replace(&text, "rate=30r/s", "rate=100000r/s");
            let text = replace(&text, "burst=300", "burst=20000");
            replace(
                &text,
                "limit_conn connections 1000",
                "limit_conn connections 60000",
            )
        });
        Self {
            address,
            nginx: nginx.await,
        }
    }
}
