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
mod database_cut;
mod drain;
mod journal;
mod journal_tail;
mod lease;
mod opening_model;
mod opening_race;
mod presence_caps;
mod resume;
mod slow_reader;
mod socket_close;
mod socket_frames;
mod socket_handshake;
mod socket_hello;
mod socket_limits;
mod sweep;
mod walk;
