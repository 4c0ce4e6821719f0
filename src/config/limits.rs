//! `[limits]`: request limits.

use super::section::section;

section! {
    /// Request limits.
    "limits" struct Limits {
        /// Whether requests are limited; off is allowed in development only.
        enabled: bool = true,
    }
}
