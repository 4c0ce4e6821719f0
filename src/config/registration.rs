//! `[registration]`: who may become a user.

use super::section::section;

section! {
    /// Who may become a user.
    "registration" struct Registration {
        /// Whether people may register by themselves.
        open: bool = true,
    }
}
