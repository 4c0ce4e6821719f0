//! Which operations the tables of acts speak of: every one that changes something, or it is named here.

use std::collections::BTreeSet;

use super::acts::ACTS;
use crate::support::app::TestApp;
use crate::support::document::Operation;

/// What is no GET, and in no table of acts.
const OTHERS: [(&str, &str); 5] = [
    (
        "POST /api/auth/introspect",
        "looks at a token and changes nothing",
    ),
    (
        "POST /api/auth/oauth/exchange",
        "needs a provider: `oauth/audit.rs` reads what it leaves",
    ),
    (
        "DELETE /api/users/me/identities/{id}",
        "needs a provider: `oauth/audit.rs` reads what it leaves",
    ),
    (
        "POST /api/users/me/identities/{id}",
        "gives an address out, and changes nothing of the account",
    ),
    (
        "POST /api/auth/revoke",
        "takes a form: `unwritten.rs` and `token_revocation.rs` send it and read what it leaves",
    ),
];

/// The documented operation that a line of a table calls: of those that fit the one with the fewest parameters.
fn called<'a>(operations: &'a [Operation], line: &str) -> &'a Operation {
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let fits = |operation: &&Operation| {
        let (asked, listed) = (path.split('/'), operation.path.split('/'));
        operation.method == method
            && asked.clone().count() == listed.clone().count()
            && asked
                .zip(listed)
                .all(|(one, other)| one == other || other.starts_with('{'))
    };
    let found = operations.iter().filter(fits);
    let found = found.min_by_key(|operation| operation.path.matches('{').count());
    found.unwrap_or_else(|| panic!("no documented operation: {line}"))
}

/// Fails unless the lines of `table` and the [`OTHERS`] are together all operations that change something, and
/// none is both.
pub async fn is_complete(hub: &TestApp, table: &str) {
    let operations = hub.operations().await;
    let mut listed: BTreeSet<String> = table
        .trim()
        .lines()
        .map(|line| called(&operations, line).name())
        .filter(|name| !name.starts_with("GET "))
        .collect();
    for (name, reason) in OTHERS {
        assert!(listed.insert(name.to_owned()), "{name} is listed, and {reason}");
    }
    let changing = operations.iter().filter(|operation| operation.method != "GET");
    let documented: BTreeSet<String> = changing.map(Operation::name).collect();
    assert_eq!(listed, documented, "the tables, then the document");
}

#[tokio::test]
async fn t15_every_operation_that_changes_something_is_in_the_table_of_acts() {
    is_complete(&TestApp::spawn().await, ACTS).await;
}
