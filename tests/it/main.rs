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

mod access_tokens;
mod activation;
mod api_doc;
mod api_fuzz;
mod architecture;
mod audit_log;
mod authorisation;
mod authority;
mod backup;
mod bad_input;
mod breached_passwords;
mod bus;
mod checked_requests;
mod cli_config;
mod cli_keys;
mod cli_signing_keys;
mod cli_users;
mod client_address;
mod comparisons;
mod cookie_mode;
mod cors;
mod database_cut;
mod database_silent;
mod deployment;
mod doctor;
mod drain;
mod enumeration;
mod epoch;
mod every_text;
mod faults;
mod first_admin;
mod first_start;
mod framing;
mod hashing_flood;
mod headers;
mod health;
mod host;
mod import;
mod import_hashes;
mod introspection;
mod journal;
mod journal_hints;
mod journal_tail;
mod lease;
mod letters;
mod limits;
mod live_sessions;
mod logout;
mod logs;
mod mail_bounds;
mod mail_injection;
mod mail_outbox;
mod mail_server;
mod mail_strings;
mod manage_roles;
mod manage_users;
#[cfg(target_os = "linux")]
mod memory;
mod metrics;
mod migrations;
mod mixed_versions;
mod mutants;
mod nginx;
mod nodes;
mod oauth;
mod openapi;
mod opening_model;
mod opening_race;
mod operations_doc;
mod operator;
mod own_account;
mod pages;
mod presence;
mod presence_caps;
mod problems;
mod protocol_doc;
mod readme;
mod reconnect_storm;
mod recovery;
mod refresh;
mod registration;
mod resume;
mod revocations;
mod role_races;
mod routes;
mod secrecy;
mod secrets_at_rest;
mod security_doc;
mod server_metadata;
mod service_keys;
mod session_ends;
mod setup;
mod sign_in;
mod sign_in_again;
mod signing_keys;
mod site_role;
mod slow_reader;
mod socket_close;
mod socket_frames;
mod socket_handshake;
mod socket_hello;
mod socket_limits;
mod spraying;
mod statements;
mod sweep;
mod texts;
mod timing_ranks;
mod token_revocation;
mod traces;
mod users;
mod verifiers;
mod vouched;
mod walk;
