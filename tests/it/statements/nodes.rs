//! `nodes`.

use portcullis::ids::NodeId;
use portcullis::store::Tx;
use portcullis::store::journal::{self, Anchor, Change, NewEntry};
use portcullis::store::nodes::{self, Report};
use uuid::Uuid;

use super::{at, both};

const MINUTE: i64 = 60_000_000;

fn report(number: u128, lease: i64, anchor: Option<Anchor>) -> Report {
    Report {
        id: NodeId::from(Uuid::from_u128(number)),
        epoch: "first".to_owned(),
        address: "192.0.2.1:80".to_owned(),
        started_at: at(5),
        position: 7,
        seen: "9".to_owned(),
        firm: "8".to_owned(),
        backends: String::new(),
        seen_age: 2 * MINUTE,
        lease,
        connections: 3,
        anchor,
        durable: false,
    }
}

async fn row(tx: &mut Tx) -> Anchor {
    let entry = NewEntry {
        user_id: None,
        session_id: None,
        version: None,
        change: Change::Bulk,
    };
    let written = journal::append(tx, entry, at(5)).await.unwrap();
    let (position, at) = (written.position, written.at);
    Anchor { position, at }
}

#[tokio::test]
async fn a_node_reports_again_and_again_and_is_listed_with_what_it_said_last() {
    for scene in both().await {
        let mut tx = scene.single().await;
        let said = nodes::report(&mut tx, &report(1, -MINUTE, None)).await.unwrap();
        nodes::report(&mut tx, &report(2, MINUTE, None)).await.unwrap();
        let mut news = report(1, MINUTE, None);
        (news.position, news.seen, news.connections) = (8, "10".to_owned(), 4);
        news.backends = said.backend.unwrap_or_default();
        nodes::report(&mut tx, &news).await.unwrap();
        let listed = nodes::all(&mut tx).await.unwrap();
        assert_eq!(listed.len(), 2);
        let first = &listed[0];
        assert_eq!((first.id, first.epoch.as_str()), (news.id, "first"));
        assert_eq!(
            (first.address.as_str(), first.started_at),
            ("192.0.2.1:80", at(5))
        );
        assert_eq!(
            (first.position, first.seen.as_str(), first.connections),
            (8, "10", 4)
        );
        // In the database's own time, which has gone on a little.
        assert!((2 * MINUTE..3 * MINUTE).contains(&first.lag), "{}", first.lag);
        assert!((1..=MINUTE).contains(&first.lease), "{}", first.lease);
    }
}

#[tokio::test]
async fn a_node_is_told_which_journal_this_is_and_whether_its_row_is_still_there() {
    for scene in both().await {
        let mut tx = scene.single().await;
        let anchor = row(&mut tx).await;
        let told = nodes::report(&mut tx, &report(1, MINUTE, Some(anchor)))
            .await
            .unwrap();
        assert_eq!((told.epoch.as_str(), told.anchored), ("first", true));
        for other in [
            Anchor { at: at(6), ..anchor },
            Anchor {
                position: journal::Position {
                    sequence: anchor.position.sequence + 1,
                    ..anchor.position
                },
                ..anchor
            },
        ] {
            let told = nodes::report(&mut tx, &report(1, MINUTE, Some(other)))
                .await
                .unwrap();
            assert!(!told.anchored);
        }
    }
}

#[tokio::test]
async fn a_node_goes_when_it_says_so_or_long_after_its_lease() {
    for scene in both().await {
        let mut tx = scene.single().await;
        for (number, lease) in [(1, MINUTE), (2, -MINUTE), (3, -3 * MINUTE)] {
            nodes::report(&mut tx, &report(number, lease, None))
                .await
                .unwrap();
        }
        assert_eq!(nodes::purge(&mut tx, 2 * MINUTE).await.unwrap(), 1);
        nodes::remove(&mut tx, NodeId::from(Uuid::from_u128(1)))
            .await
            .unwrap();
        let left = nodes::all(&mut tx).await.unwrap();
        let left: Vec<NodeId> = left.iter().map(|node| node.id).collect();
        assert_eq!(left, [NodeId::from(Uuid::from_u128(2))]);
    }
}

/// A process of PostgreSQL that was not there when the node read cannot know that what it saw still holds.
#[tokio::test]
async fn a_process_that_may_have_begun_since_says_what_no_crash_can_change() {
    for scene in both().await {
        let mut tx = scene.single().await;
        let said = async |tx: &mut Tx, backends: &str, epoch: &str| {
            let mut report = report(1, MINUTE, None);
            (report.backends, report.epoch) = (backends.to_owned(), epoch.to_owned());
            let backend = nodes::report(tx, &report).await.unwrap().backend;
            (backend, nodes::all(tx).await.unwrap()[0].seen.clone())
        };
        let (backend, seen) = said(&mut tx, "1@then", "first").await;
        let Some(backend) = backend else {
            assert_eq!(seen, "9", "SQLite has one process");
            continue;
        };
        assert_eq!(seen, "8");
        let (again, seen) = said(&mut tx, &format!("1@then,{backend}"), "first").await;
        assert_eq!((again.as_deref(), seen.as_str()), (Some(backend.as_str()), "9"));
        let (_, seen) = said(&mut tx, "1@then", "first").await;
        assert_eq!(seen, "9", "what stands there was true, and stays");
        let (_, seen) = said(&mut tx, "1@then", "second").await;
        assert_eq!(seen, "8", "what was said of another journal does not");
    }
}
