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

mod architecture;
mod authority;
mod first_start;
mod journal;
mod mail_bounds;
mod opening_model;
mod session_ends;
mod sign_in_again;
mod walk;
