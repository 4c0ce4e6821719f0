//! Background jobs: each runs beside the edges until it is told to stop. `app` spawns them.

pub mod cleanup;
pub mod mail_outbox;
pub mod password_mix;
pub mod signing_keys;
