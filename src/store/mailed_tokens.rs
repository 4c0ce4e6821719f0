//! Statements on `mailed_tokens`.
