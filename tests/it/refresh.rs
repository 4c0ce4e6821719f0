//! Refresh: rotation, the tabs that refresh at once, the answer that was lost, and the stolen token.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use portcullis::audit::{Actor, Origin};
use portcullis::secret::PlainToken;
use portcullis::sessions::Error;
use portcullis::store;
use serde_json::json;

use crate::support::Pair;
use crate::support::app::{TestApp, Tuning};
use crate::support::database::{self, Folder};
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";
const GENERATION: &str = "select generation from sessions";

impl TestApp {
    async fn refresh(&self, token: &str) -> Pair {
        Pair::of(&self.try_refresh(token).await.expect(200))
    }

    fn later(&self, seconds: u64) {
        let clock = self.clock.as_ref().expect("a manual clock");
        clock.advance(Duration::from_secs(seconds));
    }
}

/// A server on which time stands still, and somebody signed in.
async fn standing_still() -> (TestApp, Pair) {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    (hub, pair)
}

#[tokio::test]
async fn t06_sixteen_refreshes_of_one_token_agree_and_are_one_step() {
    let hub = TestApp::spawn().await;
    let (_, mut pair) = hub.signed_in(ADA, "user").await;
    for round in 0..12 {
        let answers = join_all((0..16).map(|_| hub.try_refresh(&pair.refresh))).await;
        let pairs: Vec<Pair> = answers
            .into_iter()
            .map(|answer| Pair::of(&answer.expect(200)))
            .collect();
        for other in &pairs {
            assert_eq!(other.refresh, pairs[0].refresh, "one successor");
            assert_eq!(other.session, pair.session);
        }
        assert_ne!(pairs[0].refresh, pair.refresh);
        assert_eq!(hub.number(GENERATION).await, round + 2, "one step");
        pair = pairs[0].clone();
        hub.get_as(&pair.access, "/api/users/me").await.expect(200);
    }
    assert_eq!(hub.number("select count(*) from refresh_tokens").await, 13);
}

/// Two hundred present the newest token of one session at once, `rounds` times, on a server of their own.
///
/// Asked of the service itself, and SQLite in memory: what is raced here are transactions, and twenty
/// thousand requests and writes to a disk would only take their time.
async fn race_one_lineage(rounds: i64) {
    const AT_ONCE: usize = 200;
    let folder = Folder::in_memory();
    let hub = Tuning::new()
        .database(database::fresh(&folder).await)
        .spawn()
        .await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let by = Origin::local(Actor::Anonymous);
    let mut token = PlainToken::presented(pair.refresh);
    for round in 1..=rounds {
        let asked = join_all((0..AT_ONCE).map(|_| {
            let (sessions, token, by) = (hub.app.sessions.clone(), token.clone(), by.clone());
            tokio::spawn(async move {
                loop {
                    match sessions.refresh(&token, &by).await {
                        Ok(pair) => return pair.refresh_token,
                        // 503: so many cannot all be answered in time, and come back.
                        Err(Error::Store(store::Error::Unavailable(_) | store::Error::Silent)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        }));
        let given: Vec<PlainToken> = asked.await.into_iter().map(Result::unwrap).collect();
        let next: BTreeSet<&str> = given.iter().map(PlainToken::expose).collect();
        assert_eq!(next.len(), 1, "round {round}: one successor");
        token = given[0].clone();
        assert_eq!(hub.number(GENERATION).await, round + 1, "one step");
    }
    for (expected, sql) in [
        (
            rounds + 1,
            "select count(distinct generation) from refresh_tokens",
        ),
        (rounds + 1, "select count(*) from refresh_tokens"),
        (1, "select count(*) from sessions where revoked_at is null"),
    ] {
        assert_eq!(hub.number(sql).await, expected, "{sql}");
    }
}

/// Of one lineage each refresh waits for the one before: eight round trips to PostgreSQL, while most of the
/// machine has nothing to do. So two lineages are raced beside each other, which do not wait for one
/// another; with more, the two hundred of each would wait for a connection longer than anybody does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t06_two_hundred_refreshes_of_one_token_are_one_lineage_a_hundred_times() {
    const LINEAGES: i64 = 2;
    join_all((0..LINEAGES).map(|_| race_one_lineage(100 / LINEAGES))).await;
}

#[tokio::test]
async fn a_refresh_answers_a_whole_pair_of_the_same_session() {
    let hub = TestApp::spawn().await;
    let (_, first) = hub.signed_in(ADA, "user").await;
    let answer = hub.try_refresh(&first.refresh).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let second = Pair::of(&answer);
    let keys = |pair: &Pair| -> Vec<String> { pair.body.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&second), keys(&first));
    for key in [
        "session_id",
        "user",
        "token_type",
        "expires_in",
        "refresh_expires_in",
    ] {
        assert_eq!(second.body[key], first.body[key], "{key}");
    }
    assert_ne!(second.access, first.access);
    // The access token of before goes on until it expires.
    hub.get_as(&first.access, "/api/users/me").await.expect(200);
}

#[tokio::test]
async fn t06_within_the_grace_an_old_token_gets_its_successor_again_even_when_that_was_used() {
    let (hub, first) = standing_still().await;
    let second = hub.refresh(&first.refresh).await;
    let third = hub.refresh(&second.refresh).await;
    hub.later(29);
    assert_eq!(hub.refresh(&first.refresh).await.refresh, second.refresh);
    assert_eq!(hub.refresh(&second.refresh).await.refresh, third.refresh);
    assert_eq!(hub.number(GENERATION).await, 3, "nothing went back");
    hub.refresh(&third.refresh).await;
    assert_eq!(hub.number(GENERATION).await, 4);
}

#[tokio::test]
async fn t06_a_lost_answer_can_be_had_again_as_long_as_its_successor_was_never_used() {
    let (hub, first) = standing_still().await;
    let second = hub.refresh(&first.refresh).await;
    hub.later(86_400);
    let again = hub.refresh(&first.refresh).await;
    assert_eq!(again.refresh, second.refresh);
    // The successor arrives: now the answer was not lost.
    let third = hub.refresh(&second.refresh).await;
    hub.later(30);
    hub.try_refresh(&first.refresh)
        .await
        .problem(401, "refresh_reused");
    hub.try_refresh(&third.refresh)
        .await
        .problem(401, "session_revoked");
}

#[tokio::test]
async fn t06_an_access_token_issued_with_the_successor_counts_as_its_use() {
    for path in ["/api/users/me", "/api/auth/site_role", "/api/auth/socket"] {
        let (hub, first) = standing_still().await;
        let second = hub.refresh(&first.refresh).await;
        hub.later(60);
        // The older access token says nothing about the answer.
        hub.get_as(&first.access, path).await.expect(200);
        assert_eq!(hub.refresh(&first.refresh).await.refresh, second.refresh);
        hub.get_as(&second.access, path).await.expect(200);
        hub.try_refresh(&first.refresh)
            .await
            .problem(401, "refresh_reused");
        hub.try_refresh(&second.refresh)
            .await
            .problem(401, "session_revoked");
    }
}

#[tokio::test]
async fn t06_a_stolen_token_ends_its_session_closes_its_socket_and_tells_the_owner_once() {
    let (hub, first) = standing_still().await;
    let body = json!({ "email": ADA, "password": PASSWORD, "device": "Ada's <b>phone</b>" });
    let stolen = Pair::of(&hub.post("/api/auth", body).await.expect(200));
    let second = hub.refresh(&stolen.refresh).await;
    let third = hub.refresh(&second.refresh).await;
    hub.later(31);
    let (mut socket, _) = hub.open(&third.access).await;
    let (mut other, _) = hub.open(&first.access).await;

    let answer = hub.try_refresh(&stolen.refresh).await;
    answer.problem(401, "refresh_reused");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
    let goodbye = socket.signed_out("refresh_reused").await;
    assert_eq!(
        (&goodbye["code"], &goodbye["scope"]),
        (&json!(4001), &json!("session"))
    );
    let event = other.frame("event").await;
    assert_eq!(event["name"], "session.revoked");
    assert_eq!(
        event["data"],
        json!({ "session_id": stolen.session, "reason": "refresh_reused" })
    );

    for token in [&stolen, &second, &third] {
        hub.try_refresh(&token.refresh)
            .await
            .problem(401, "session_revoked");
        hub.get_as(&token.access, "/api/users/me")
            .await
            .problem(401, "session_revoked");
    }
    hub.refresh(&first.refresh).await;
    let mail = hub.mail_to(ADA, 1).await;
    assert_eq!(mail["subject"], "A session of yours was ended for safety");
    assert!(
        mail["text"]
            .as_str()
            .unwrap()
            .contains("Device: Ada's <b>phone</b>")
    );
    assert!(mail["text"].as_str().unwrap().contains("Used from: 127.0.0.1"));
    assert!(!mail["html"].as_str().unwrap().contains("<b>phone"));
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(ADA).await.len(), 1, "once");
}

#[tokio::test]
async fn t06_sixteen_that_present_a_stolen_token_at_once_end_the_session_once() {
    let (hub, first) = standing_still().await;
    let second = hub.refresh(&first.refresh).await;
    hub.refresh(&second.refresh).await;
    hub.later(31);
    for answer in join_all((0..16).map(|_| hub.try_refresh(&first.refresh))).await {
        let code = answer.json()["code"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, 401);
        assert!(
            ["refresh_reused", "session_revoked"].contains(&code.as_str()),
            "{code}"
        );
    }
    hub.mail_to(ADA, 1).await;
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(ADA).await.len(), 1);
    let reuses = "select count(*) from journal where kind = 'session_ended'";
    assert_eq!(hub.number(reuses).await, 1);
}

#[tokio::test]
async fn t06_without_grace_every_second_use_is_a_reuse() {
    let hub = Tuning::new()
        .configure(|config| config.tokens.refresh_grace = 0)
        .spawn()
        .await;
    let (_, first) = hub.signed_in(ADA, "user").await;
    let second = hub.refresh(&first.refresh).await;
    hub.try_refresh(&first.refresh)
        .await
        .problem(401, "refresh_reused");
    hub.try_refresh(&second.refresh)
        .await
        .problem(401, "session_revoked");
}

#[tokio::test]
async fn a_session_ends_when_idle_for_14_days_and_after_30_days_in_any_case() {
    const DAY: u64 = 86_400;
    let (hub, mut pair) = standing_still().await;
    let idle = hub.sign_in(ADA).await;
    let idle_to_the_second = hub.sign_in(ADA).await;
    assert_eq!(pair.body["refresh_expires_in"], 14 * DAY);
    hub.later(13 * DAY);
    pair = hub.refresh(&pair.refresh).await;
    assert_eq!(pair.body["refresh_expires_in"], 14 * DAY);
    hub.later(DAY - 1);
    hub.refresh(&idle_to_the_second.refresh).await;
    hub.later(1);
    hub.try_refresh(&idle.refresh).await.problem(401, "invalid_token");
    hub.later(12 * DAY);
    pair = hub.refresh(&pair.refresh).await;
    assert_eq!(
        pair.body["refresh_expires_in"],
        4 * DAY,
        "not beyond the absolute end"
    );
    // No access token outlives the session.
    hub.later(4 * DAY - 100);
    pair = hub.refresh(&pair.refresh).await;
    assert_eq!(pair.body["refresh_expires_in"], 100);
    assert_eq!(pair.body["expires_in"], 100);
    hub.later(100);
    hub.try_refresh(&pair.refresh).await.problem(401, "invalid_token");
    hub.get_as(&pair.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
}

#[tokio::test]
async fn garbage_is_no_refresh_token() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let unknown = hub.try_refresh("pcr_unknown").await;
    unknown.problem(401, "invalid_token");
    for token in [
        "",
        "pcr_",
        "\u{0}",
        "\u{ffff}",
        "' or 1=1 --",
        ada.access.as_str(),
        &ada.refresh.to_lowercase(),
        &format!("{} ", ada.refresh),
        &ada.refresh["pcr_".len()..],
        &"x".repeat(8192),
    ] {
        assert_eq!(
            hub.try_refresh(token).await.likeness(),
            unknown.likeness(),
            "{token:?}"
        );
    }
    for (body, code) in [
        (json!({}), "required"),
        (json!({ "refresh_token": 1 }), "invalid_type"),
        (json!({ "refresh_token": "x".repeat(8193) }), "too_long"),
    ] {
        let problem = hub
            .post("/api/auth/refresh", body)
            .await
            .problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "refresh_token");
        assert_eq!(problem["errors"][0]["code"], code);
    }
    hub.refresh(&ada.refresh).await;
}
