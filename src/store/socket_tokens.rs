//! Statements on `socket_tokens`.
