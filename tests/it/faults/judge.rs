//! The end of a run: everything is healed, comes to rest, and is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use portcullis::clock::Clock;

use super::checker::{self, Facts, Verdict, Violation};
use super::ledger::{At, Logs};
use super::run::Run;
use crate::support::sql::texts;

impl Run {
    /// Ends the acts, lets everything come to rest, and checks all of it.
    pub async fn judge(&self) -> Judgement {
        self.judge_with(|_, _| ()).await
    }

    /// As [`judge`](Self::judge), after `adjust` has noted what the logs cannot know.
    pub async fn judge_with(&self, adjust: impl FnOnce(&mut Logs, &mut Facts)) -> Judgement {
        self.actor.rest().await;
        self.heal_lines();
        let mut found = Vec::new();
        if let Some(violation) = self.come_to_rest().await {
            found.push(violation);
        }
        let holdings = self.holdings();
        let mut facts = self.facts().await;
        let mut logs = self.ledger.close();
        adjust(&mut logs, &mut facts);
        self.over.cancel();
        self.swarm.leave();
        let mut verdict = checker::check(&logs, &facts, self.bounds());
        for node in &self.nodes {
            if let Some(status) = node.ended() {
                let what = format!(
                    "node {} ended by itself: {status}\n{}",
                    node.index,
                    node.last_lines()
                );
                found.push(Violation { invariant: 9, what });
            }
            let panics = node.logged().matches("panicked at").count();
            if panics > 0 {
                let what = format!("node {} panicked {panics} times", node.index);
                found.push(Violation { invariant: 9, what });
            }
        }
        verdict.violations.extend(found);
        println!(
            "{} (seed {}, {:.1} s, {} sockets, {} faults)\n{verdict}",
            self.name,
            self.scale.seed,
            self.began.elapsed().as_secs_f64(),
            logs.sockets.len(),
            logs.phases.len()
        );
        let held_up: At = logs
            .stalls
            .iter()
            .map(|(from, to)| to.saturating_sub(*from))
            .sum();
        println!(
            "  held up by the machine {} times, {held_up:.1?} in all",
            logs.stalls.len()
        );
        for node in &self.nodes {
            for (line, times) in node.warnings().into_iter().take(6) {
                println!("  node {}, {times} times: {line}", node.index);
            }
        }
        if !verdict.violations.is_empty() {
            self.keep_logs();
        }
        Judgement {
            verdict,
            logs,
            holdings,
        }
    }

    /// Keeps what the nodes said, for who looks for the cause.
    fn keep_logs(&self) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        for node in &self.nodes {
            let file = folder.join(format!("{}-node-{}.log", self.name, node.index));
            std::fs::write(&file, node.logged()).unwrap();
            println!("  node {} said: {}", node.index, file.display());
        }
        let (now, since) = (Clock::System.now(), self.ledger.now());
        println!("  by their clock it is {now} after {since:.1?}");
    }

    /// Everybody who was not signed out is back, and what was last said has had time to arrive.
    async fn come_to_rest(&self) -> Option<Violation> {
        let patience = Instant::now() + Duration::from_secs(45);
        while !self.swarm.is_complete() {
            if Instant::now() > patience {
                let away = self.swarm.members();
                let away = away
                    .iter()
                    .filter(|member| !member.is_open() && !member.is_gone())
                    .count();
                let what = format!("{away} clients never came back\n{}", self.nodes[0].last_lines());
                return Some(Violation { invariant: 9, what });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Until every bound is over, or, beside other tests, until nothing is left to wait for.
        let over = self.bounds().after_heal + Duration::from_millis(500);
        let _over = tokio::time::timeout(over, async {
            while self.scale.long || !self.has_arrived().await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        })
        .await;
        None
    }

    /// Whether the sockets show what SQL holds. The checker says so again, with the times.
    async fn has_arrived(&self) -> bool {
        let facts = self.facts().await;
        checker::has_arrived(&self.ledger.close(), &facts)
    }

    async fn facts(&self) -> Facts {
        let url = self.database.lock().unwrap().clone();
        // SQLite keeps an id as its bytes.
        let id = |column: &str| {
            if url.starts_with("sqlite") {
                format!("lower(hex({column}))")
            } else {
                format!("cast({column} as text)")
            }
        };
        let rows = async |text: String| -> Vec<(String, String)> {
            let rows = texts(&url, &text).await.into_iter().flatten();
            rows.map(|row| {
                let (id, rest) = row.split_once('|').unwrap();
                (uuid::Uuid::parse_str(id).unwrap().to_string(), rest.to_owned())
            })
            .collect()
        };
        let mut facts = Facts::default();
        for (user, rest) in rows(format!(
            "select {} || '|' || version || '|' || email from users",
            id("id")
        ))
        .await
        {
            let (version, email) = rest.split_once('|').unwrap();
            facts.versions.insert(user, version.parse().unwrap());
            facts.emails.insert(email.to_owned());
        }
        let ended = "case when revoked_at is null then '' else 'ended' end";
        for (session, ended) in rows(format!("select {} || '|' || {ended} from sessions", id("id"))).await {
            facts.sessions.insert(session, ended == "ended");
        }
        let forked = format!(
            "select {} || '|' from refresh_tokens group by session_id, generation having count(*) > 1",
            id("session_id")
        );
        facts.forked = rows(forked)
            .await
            .into_iter()
            .map(|(session, _)| session)
            .collect();
        facts
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Judgement {
    pub verdict: Verdict,
    pub logs: Logs,
    /// What each node held before the crowd left.
    pub holdings: BTreeMap<usize, (u64, usize)>,
}

impl Judgement {
    /// Fails unless every promise was kept, in a run in which at least `closes` were measured.
    #[track_caller]
    pub fn clean(self, closes: usize) -> Logs {
        let broken: BTreeSet<u8> = self
            .verdict
            .violations
            .iter()
            .map(|violation| violation.invariant)
            .collect();
        assert!(broken.is_empty(), "broken: I{broken:?}\n{}", self.verdict);
        let measured = self.verdict.measured();
        assert!(measured >= closes, "only {measured} closes were measured");
        self.logs
    }
}
