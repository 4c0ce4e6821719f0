//! Statements on `mailbox`.
