//! Background jobs: each runs until it is told to stop.

pub mod signing_keys;
