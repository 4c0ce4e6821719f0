//! The list of users, newest first: by role, by status, by what stands in the address or the name.

use super::super::page::{self, Page};
use super::super::row::columns;
use super::super::{Error, Tx, with_conn};
use super::{Status, User};
use crate::ids::UserId;

/// Which users are listed.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Stands anywhere in the address or the name, whatever its case; `SQLite` knows that of ASCII letters alone.
    pub text: Option<String>,
    pub role: Option<String>,
    pub status: Option<Status>,
}

/// The ids are UUID v7, so the newest is the largest. The text is looked for row by row, the rest by an index.
macro_rules! list {
    ($which:literal) => {
        concat!(
            "select ",
            columns!(users),
            " from users where id < $1 and ($2 is null
                or email like lower($2) escape '\\' or lower(name) like lower($2) escape '\\')",
            $which,
            " order by id desc limit $3"
        )
    };
}

/// At most `limit` of the users that `which` describes, those older than `cursor` when given.
pub async fn list(
    tx: &mut Tx,
    which: &Filter,
    cursor: Option<UserId>,
    limit: u32,
) -> Result<Page<User, UserId>, Error> {
    let before = page::before(cursor.map(UserId::uuid));
    let pattern = which.text.as_deref().map(pattern);
    if pattern.is_some() {
        // It may have to be looked for in every row.
        tx.takes_long();
    }
    let rows = with_conn!(tx, conn => {
        let sql = match (&which.role, which.status) {
            (None, None) => list!(""),
            (Some(_), None) => list!(" and site_role = $4"),
            (None, Some(_)) => list!(" and status = $4"),
            (Some(_), Some(_)) => list!(" and site_role = $4 and status = $5"),
        };
        let query = sqlx::query_as(sql).bind(before).bind(&pattern).bind(page::one_more(limit));
        let query = match &which.role {
            Some(role) => query.bind(role),
            None => query,
        };
        let query = match which.status {
            Some(status) => query.bind(status.as_str()),
            None => query,
        };
        query.fetch_all(conn).await?
    });
    Ok(Page::of(rows, limit, |user: &User| user.id))
}

/// `text` anywhere: what would be a wildcard in it stands for itself.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::super::super::plans::plan;
    use super::*;

    #[tokio::test]
    async fn an_index_carries_each_list() {
        for (sql, index) in [
            (list!(""), "sqlite_autoindex_users_1 (id<?)"),
            (
                list!(" and site_role = $4"),
                "users_role_and_id (site_role=? AND id<?)",
            ),
            (
                list!(" and status = $4"),
                "users_status_and_id (status=? AND id<?)",
            ),
        ] {
            assert_eq!(plan(sql).await, format!("SEARCH users USING INDEX {index}"));
        }
    }

    #[test]
    fn t11_wildcards_in_a_text_stand_for_themselves() {
        assert_eq!(pattern("ada"), "%ada%");
        assert_eq!(pattern(r"100%_\'"), r"%100\%\_\\'%");
    }
}
