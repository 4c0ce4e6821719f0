//! Statements on `setup_tokens`.
