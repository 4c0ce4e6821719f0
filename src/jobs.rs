//! Background jobs: each runs until it is told to stop.

pub mod cleanup;
pub mod mail_outbox;
