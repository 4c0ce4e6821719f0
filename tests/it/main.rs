//! The one integration test binary. Each file is a capability; `support` is the harness.
//!
//! Runs on SQLite, or on PostgreSQL with `PORTCULLIS_TEST_DATABASE=postgres`: see `scripts/test`.

mod support;

mod opening_model;
