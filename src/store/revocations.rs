//! Statements on `revocations`.
