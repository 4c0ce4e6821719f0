//! Statements on `signing_keys`.
