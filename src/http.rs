//! REST: routes, extractors, problems and pages. The edge parses, authorises, calls one service
//! function and renders; it decides nothing else.
//!
//! [`router()`] shows every route on one screen. A request passes `path` (trailing slash), then the
//! layers of `middleware` (request id, client address, span, metrics, headers, problems), `cors`, the
//! panic handler and `host`, and then its handler, whose extractors say who may call it.

mod activation;
mod assets;
mod audit;
pub mod client;
mod client_files;
mod cookies;
mod cors;
mod counting;
mod dev_mailbox;
mod docs;
mod edge;
mod export;
mod extract;
mod headers;
mod health;
mod home;
mod host;
mod hub;
mod identities;
mod introspection;
mod jwks;
mod logout;
mod mails;
mod me;
mod middleware;
mod oauth;
mod openapi;
mod own_email;
mod own_password;
mod own_sessions;
mod pages;
mod path;
pub mod problem;
mod problems;
mod recovery;
mod refresh;
mod registration;
mod render;
mod revocations;
mod roles;
mod router;
mod schemas;
pub mod serve;
mod server_metadata;
mod service_keys;
mod sessions;
mod setup;
pub mod sight;
mod sign_in;
mod site_role;
mod socket_token;
mod token_revocation;
mod trace;
mod users;

pub use client::{Client, Peer};
pub use problem::Problem;
pub use render::UserJson;
pub use router::{openapi, router};
