//! Portcullis: a WebSocket-first realtime auth hub.
//!
//! # Layout
//! Calls run downward only; `tests/it/architecture.rs` keeps it so.
//!
//! ```text
//! main -> cli -> app (wiring), lifecycle
//!    http   socket   jobs                    edges: parse, authorise, call one service function, render
//!    accounts  sessions  service_keys  roles  revocation  audit  limits  password    services: the rules
//!    context                                 what a service is built from
//!    store   hub   mail                      adapters: closed enums, chosen once at start
//!    ids  clock  secret  email  error  config  metric   primitives: no I/O
//! ```

pub mod accounts;
pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod context;
pub mod email;
pub mod error;
pub mod http;
pub mod hub;
pub mod ids;
pub mod jobs;
pub mod lifecycle;
pub mod limits;
pub mod mail;
pub mod metric;
pub mod password;
pub mod revocation;
pub mod roles;
pub mod secret;
pub mod service_keys;
pub mod sessions;
pub mod socket;
pub mod store;
pub mod telemetry;
