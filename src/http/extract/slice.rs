//! Which part of a list is asked for: `cursor` and `limit`, the same on every list.

use std::str::FromStr;

use super::{Fields, values};

/// The longest page.
const MAX_LIMIT: u32 = 200;
const DEFAULT_LIMIT: u32 = 50;

/// A part of a list that is read by its ids.
#[derive(Clone, Copy, Debug)]
pub struct Slice<Id> {
    /// `next_cursor` of the page before.
    pub cursor: Option<Id>,
    /// How many at most.
    pub limit: u32,
}

impl<Id: FromStr> Slice<Id> {
    /// Takes both from a query.
    pub fn read(fields: &mut Fields) -> Self {
        let cursor = fields.optional("cursor", values::id);
        let limit = fields.optional("limit", values::digits(1..=MAX_LIMIT));
        Self {
            cursor,
            limit: limit.unwrap_or(DEFAULT_LIMIT),
        }
    }
}
