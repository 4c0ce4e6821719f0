//! The one integration test binary. Each file is a capability; `support` is the harness.
//!
//! Runs on SQLite, or on PostgreSQL with `PORTCULLIS_TEST_DATABASE=postgres`: see `scripts/test`.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read the environment and spawn tasks of their own"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test a panic is the answer"
)]

mod support;

mod api_doc;
mod architecture;
mod journal;
mod migrations;
mod opening_model;
mod operations_doc;
mod operator;
mod protocol_doc;
mod readme;
mod security_doc;
mod statements;
mod walk;
