//! Which part of a list is asked for: `cursor` and `limit`, the same on every list.

use std::str::FromStr;

use utoipa::IntoParams;

use super::{Fields, values};
use crate::store::page;

const DEFAULT_LIMIT: u32 = 50;

/// The parameters that [`Slice`] reads.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub struct SliceParams {
    /// `next_cursor` of the page before.
    cursor: Option<uuid::Uuid>,
    /// How many at most; 50 unless set.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

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
        let limit = fields.optional("limit", values::digits(1..=page::MAX));
        Self {
            cursor,
            limit: limit.unwrap_or(DEFAULT_LIMIT),
        }
    }
}
