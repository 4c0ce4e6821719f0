//! Statements on `refresh_tokens`.
