//! Extractors: how a request is read, and who may call. The signature of a handler is the rule.
//!
//! Axum runs them from left to right and a body is always last, so nobody's body is read before their
//! right to send it is known.

mod bearer;
mod body;
mod fields;
mod management;
mod mode;
mod path;
mod strict_json;
pub mod values;

pub use bearer::{Bearer, CurrentUser};
pub use body::{Json, OptionalJson};
pub use fields::{Fault, Fields, Query, Read};
pub use management::{HubRead, KeysWrite, Management, RolesWrite, SessionsRevoke, UsersRead};
pub use path::{PathId, PathToken};
