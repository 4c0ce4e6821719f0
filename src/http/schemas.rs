//! String schemas that say what the text may be: names, scopes, actions, networks, statuses. For the `OpenAPI`
//! document.

use utoipa::openapi::{ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::audit::Action;
use crate::roles::{MAX_NAME, PATTERN, Permission};

/// One line with something on it.
const FILLED_LINE: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$";

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
    /// What may be given as the name of a role, whether or not there is one.
    AskedRole: ObjectBuilder::new().min_length(Some(1)).max_length(Some(MAX_NAME)).pattern(Some(FILLED_LINE)),
    /// What an account's status is.
    UserStatus: ObjectBuilder::new().pattern(Some("^(pending|active|disabled)$")),
    /// What became of a mail.
    MailStatus: ObjectBuilder::new().pattern(Some("^(waiting|failed|sent)$")),
    /// What the audit log has lines of.
    AuditAction: ObjectBuilder::new().enum_values(Some(Action::ALL.iter().map(|action| action.as_str()))),
    /// A CIDR, or one address.
    Network: ObjectBuilder::new().format(Some(SchemaFormat::Custom("cidr".to_owned()))),
}
