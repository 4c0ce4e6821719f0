//! Portcullis: a WebSocket-first realtime auth hub.
//!
//! # Layout
//! Calls run downward only; `tests/it/architecture.rs` keeps it so.
//!
//! ```text
//! main -> cli -> app (wiring), lifecycle, telemetry
//!    http        REST and pages: router, a file for each resource, extract, problem
//!    socket      /ws: upgrade, hello, connection, protocol, close, wire, pace
//!    jobs        mail_outbox, cleanup, signing_keys, password_mix
//!                                       edges: parse, authorise, call one service function, render
//!    accounts    registration, activation, recovery, setup, operator, management, import, letters; one's own:
//!                proof, profile, password_change, email_change, email_undo, device, deletion, export, identities
//!                whom a provider vouches for: federation
//!    oauth       departure, arrival, exchange, flow, wish
//!    sessions    login, beginning, pretence, device, trusted_browser, own, overview, refresh, rotation, logout, access_token,
//!                socket_token, introspection, token_revocation, signing_keys, key_set, key_rotation,
//!                known_tokens, checks, jwt
//!    service_keys  roles  revocation  audit  limits  password
//!                                       services: the rules
//!    context                            what a service is built from
//!    store       pools, unit, migrate, a file for each family of tables
//!    hub         registry, outbox, frame, admission, opening, waiting     this node's sockets
//!                journal, holders, sweep, lease, epoch, backends      what they are told, and compared with
//!                bus, presence, counters, redis                       what nodes share by way of Redis
//!                nodes, progress, tally, reach                        what receipts are made of
//!    mail        letter, language, templates, wording, render, outbox, mailer, mailbox
//!    providers   who people are to Google, Yandex, GitHub, or any OpenID Connect provider
//!                                       adapters: closed enums, chosen once at start
//!    ids  clock  secret  email  line  jws  error  config  metric   primitives: no I/O
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
pub mod jws;
pub mod lifecycle;
pub mod limits;
pub mod line;
pub mod mail;
pub mod metric;
pub mod oauth;
pub mod password;
pub mod providers;
pub mod revocation;
pub mod roles;
pub mod secret;
pub mod service_keys;
pub mod sessions;
pub mod socket;
pub mod store;
pub mod telemetry;
