//! The socket: `GET /ws`.
