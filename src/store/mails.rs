//! Statements on `mails`.
