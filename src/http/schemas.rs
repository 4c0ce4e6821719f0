//! The schemas of texts that mean something: what they may be, for the `OpenAPI` document.

use utoipa::openapi::{ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::audit::Action;
use crate::roles::{PATTERN, Permission};

macro_rules! texts {
    ($($(#[$doc:meta])+ $name:ident: $schema:expr,)+) => {
        $(
            $(#[$doc])+
            #[derive(Debug)]
            pub enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    $schema.schema_type(Type::String).into()
                }
            }

            impl ToSchema for $name {}
        )+
    };
}

texts! {
    /// A built-in permission.
    Scope: ObjectBuilder::new().enum_values(Some(Permission::ALL.iter().map(|scope| scope.as_str()))),
    /// The name of a role, or of any permission.
    RoleName: ObjectBuilder::new().pattern(Some(format!("^{PATTERN}$"))),
    /// What the audit log has lines of.
    AuditAction: ObjectBuilder::new().enum_values(Some(Action::ALL.iter().map(|action| action.as_str()))),
    /// A CIDR, or one address.
    Network: ObjectBuilder::new().format(Some(SchemaFormat::Custom("cidr".to_owned()))),
}
