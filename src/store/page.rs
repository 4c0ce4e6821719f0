//! Pages of a list, newest first. Where a page ends is said by the id of its last row, so that rows which
//! come or go meanwhile neither repeat nor hide others.

use uuid::Uuid;

/// The longest page that anybody gets.
pub const MAX: u32 = 200;

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, Id> {
    pub items: Vec<T>,
    /// The id of the last item, where more follow.
    pub next: Option<Id>,
}

impl<T, Id> Page<T, Id> {
    /// The first `limit` of `rows`, of which [`one_more`] than that were asked for.
    #[must_use]
    pub fn of(mut rows: Vec<T>, limit: u32, id: impl Fn(&T) -> Id) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(id);
        Self { items: rows, next }
    }
}

/// How many rows to ask for, to know whether a page is the last one.
pub(super) fn one_more(limit: u32) -> i64 {
    i64::from(limit) + 1
}

/// What a list begins before: `cursor`, or its very first row.
pub(super) fn before(cursor: Option<Uuid>) -> Uuid {
    cursor.unwrap_or(Uuid::max())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_leads_on_only_where_something_follows() {
        for (rows, items, next) in [
            (vec![], vec![], None),
            (vec![9], vec![9], None),
            (vec![9, 8], vec![9, 8], None),
            (vec![9, 8, 7], vec![9, 8], Some(8)),
        ] {
            assert_eq!(Page::of(rows, 2, |row| *row), Page { items, next });
        }
    }
}
