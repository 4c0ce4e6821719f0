//! The hot path of a request with an access token: what is shared and remembered there opens nothing that
//! was closed before the request began.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::{join, join_all};

use crate::support::app::{TestApp, Tuning};
use crate::support::database;
use crate::support::eventually;

const ADA: &str = "ada@example.org";
const ROUTE: &str = "/api/auth/site_role";
/// Requests under way at any time, on each node.
const CALLERS: usize = 6;

/// Two nodes of one hub on PostgreSQL, with no bus between them.
async fn two() -> [TestApp; 2] {
    let url = database::fresh_postgres().await;
    let node = || {
        Tuning::new().database(url.clone()).configure(|config| {
            config.public_url = Some("http://127.0.0.1:9".parse().unwrap());
        })
    };
    [node().spawn().await, node().spawn().await]
}

/// Asks again and again, until it has asked three times since the revocation was acknowledged.
async fn ask(node: &TestApp, access: &str, acknowledged: &AtomicBool, served: &AtomicUsize) {
    let mut refused = 0;
    while refused < 3 {
        let began_after = acknowledged.load(Ordering::SeqCst);
        let answer = node.get_as(access, ROUTE).await;
        if began_after {
            answer.problem(401, "session_revoked");
            refused += 1;
        } else if answer.status == 200 {
            served.fetch_add(1, Ordering::SeqCst);
        } else {
            answer.problem(401, "session_revoked");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_that_begins_after_a_revocation_succeeds_on_any_node() {
    let nodes = two().await;
    let key = nodes[0].backend().await;
    nodes[0].person(ADA, "user").await;
    for round in 0..4 {
        let pair = nodes[0].sign_in(ADA).await;
        let (acknowledged, served) = (AtomicBool::new(false), AtomicUsize::new(0));
        let callers = nodes
            .iter()
            .flat_map(|node| (0..CALLERS).map(move |_| node))
            .map(|node| ask(node, &pair.access, &acknowledged, &served));
        let revoking = async {
            eventually("requests are served", || async {
                (served.load(Ordering::SeqCst) >= 4 * CALLERS).then_some(())
            })
            .await;
            nodes[round % 2].revoke_session(&key, &pair.session).await;
            acknowledged.store(true, Ordering::SeqCst);
        };
        join(join_all(callers), revoking).await;
    }
}

#[tokio::test]
async fn a_token_that_was_verified_before_is_refused_once_its_key_is_withdrawn() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    hub.get_as(&pair.access, ROUTE).await.expect(200);
    for change in [
        "update signing_keys set status = 'withdrawn' where status = 'active'",
        "update signing_keys set status = 'active' where status = 'next'",
    ] {
        hub.texts(&format!("{change} returning kid")).await;
    }
    hub.app.sessions.reload_keys().await.unwrap();
    hub.get_as(&pair.access, ROUTE)
        .await
        .problem(401, "invalid_token");
    let next = hub.sign_in(ADA).await;
    hub.get_as(&next.access, ROUTE).await.expect(200);
}

#[tokio::test]
async fn a_token_that_was_verified_before_still_expires() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    hub.get_as(&pair.access, ROUTE).await.expect(200);
    let lifetime = u64::from(hub.app.cx.config.tokens.access_ttl);
    let clock = hub.clock.as_ref().unwrap();
    clock.advance(std::time::Duration::from_secs(lifetime + 5));
    hub.get_as(&pair.access, ROUTE)
        .await
        .problem(401, "invalid_token");
}
