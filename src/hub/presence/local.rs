//! What one node knows by itself: the sockets in its registry.

use super::Live;
use crate::hub::Hub;
use crate::hub::registry::Socket;
use crate::ids::{NodeId, UserId};

/// The sockets of `user` here whose session was found live.
pub(super) fn of(hub: &Hub, user: UserId) -> Vec<Live> {
    let mut present = Vec::new();
    hub.registry().for_user(user, |socket| {
        if socket.was_checked() {
            present.push(live(socket, hub.node()));
        }
    });
    present
}

/// As [`of`], but for those that were told to close: they are as good as gone.
pub(super) fn staying(hub: &Hub, user: UserId) -> Vec<Live> {
    let mut present = Vec::new();
    hub.registry().for_user(user, |socket| {
        if socket.was_checked() && !socket.outbox.is_leaving() {
            present.push(live(socket, hub.node()));
        }
    });
    present
}

pub(super) fn live(socket: &Socket, node: NodeId) -> Live {
    Live {
        connection: socket.connection_id,
        session: socket.session_id,
        node,
        since: socket.since,
        ip: socket.ip,
    }
}
