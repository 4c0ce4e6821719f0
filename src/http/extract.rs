//! Extractors: how a request is read, and who may call. The signature of a handler is the rule.
//!
//! Axum runs them from left to right and a body is always last, so nobody's body is read before their
//! right to send it is known.

mod bearer;
mod body;
mod fields;
mod form;
mod management;
mod mode;
mod path;
mod slice;
mod strict_json;
pub mod values;

pub use bearer::{Bearer, CurrentUser};
pub use body::{Json, OptionalJson};
pub use fields::{Fault, Fields, Patch, Query, Read};
pub use form::TokenForm;
pub use management::{
    AuditRead, HubRead, Introspect, KeysWrite, Management, RolesRead, RolesWrite, SessionsRead,
    SessionsRevoke, UsersRead, UsersWrite,
};
pub use mode::ModeHeader;
pub use path::{PathId, PathText, PathToken};
pub use slice::{Slice, SliceParams};
