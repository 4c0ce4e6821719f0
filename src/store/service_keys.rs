//! Statements on `service_keys`.
