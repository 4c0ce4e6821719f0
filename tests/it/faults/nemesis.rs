//! What breaks things: each fault once, for a time, noted with what it touches; and a mix of all of them,
//! drawn from a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::Executor;

use super::ledger::Fault;
use super::run::Run;
use crate::support::proxy::Line;

/// Which of a node's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    Sql,
    Redis,
    Both,
}

/// One way to break something.
#[derive(Clone, Copy, Debug)]
pub enum Break {
    RedisKilled,
    RedisFrozen,
    RedisFlushed,
    RedisClientsKilled,
    SqlCrashed,
    SqlFrozen,
    NodeKilled(usize),
    NodeFrozen(usize),
    NodeDrained(usize),
    Line(usize, To, Line),
    /// The line is cut and healed once a second.
    Flapping(usize, To),
    /// Somebody writes, and does not commit.
    OpenTransaction,
    /// Somebody else writes into the nodes' stream.
    Forged,
}

impl Run {
    /// Breaks something for `time`, mends it, and notes both.
    pub async fn breaks(&self, what: Break, time: Duration) {
        match what {
            Break::RedisKilled => {
                self.during(Fault::Redis, None, async {
                    let mut redis = self.redis.lock().await;
                    redis.kill().await;
                    tokio::time::sleep(time).await;
                    redis.run().await;
                })
                .await;
            }
            Break::RedisFrozen => {
                self.during(Fault::Redis, None, async {
                    let redis = self.redis.lock().await;
                    redis.freeze();
                    tokio::time::sleep(time).await;
                    redis.thaw();
                })
                .await;
            }
            Break::RedisFlushed => self.tell_redis(&["FLUSHALL"]).await,
            Break::RedisClientsKilled => {
                self.tell_redis(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
                    .await;
            }
            Break::SqlCrashed | Break::SqlFrozen => self.breaks_sql(what, time).await,
            Break::NodeKilled(node) | Break::NodeFrozen(node) | Break::NodeDrained(node) => {
                self.breaks_node(what, node, time).await;
            }
            Break::Line(node, to, line) => {
                self.on_the_line(node, to, line, tokio::time::sleep(time)).await;
            }
            Break::OpenTransaction => {
                let mut idle = self.sql().await;
                for statement in ["begin", "select pg_current_xact_id()"] {
                    idle.execute(statement).await.unwrap();
                }
                tokio::time::sleep(time).await;
                // Whoever closes the connection rolls back.
            }
            Break::Forged => {
                let until = self.ledger.now() + time;
                while self.ledger.now() < until {
                    self.forge(500).await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            Break::Flapping(node, to) => {
                let half = Duration::from_millis(500);
                let rounds = time.as_millis() / 1000;
                for _ in 0..rounds.max(1) {
                    self.on_the_line(node, to, Line::Cut, tokio::time::sleep(half))
                        .await;
                    tokio::time::sleep(half).await;
                }
            }
        }
    }

    async fn tell_redis(&self, words: &[&str]) {
        self.during(Fault::Redis, None, async {
            self.redis.lock().await.say(words).await;
        })
        .await;
    }

    async fn breaks_sql(&self, what: Break, time: Duration) {
        let sql = self.postgres.as_ref().expect("a PostgreSQL of its own");
        self.during(Fault::Sql, None, async {
            if matches!(what, Break::SqlFrozen) {
                sql.freeze();
                tokio::time::sleep(time).await;
                sql.thaw();
            } else {
                sql.crash().await;
                tokio::time::sleep(time).await;
                sql.run().await;
            }
        })
        .await;
    }

    async fn breaks_node(&self, what: Break, index: usize, time: Duration) {
        let node = &self.nodes[index];
        let fault = if matches!(what, Break::NodeFrozen(_)) {
            Fault::Frozen
        } else {
            Fault::Down
        };
        self.during(fault, Some(index), async {
            match what {
                Break::NodeFrozen(_) => {
                    node.freeze();
                    tokio::time::sleep(time).await;
                    node.thaw();
                    return;
                }
                Break::NodeDrained(_) => node.terminate().await,
                _ => node.kill().await,
            }
            tokio::time::sleep(time).await;
            node.start_surely().await;
        })
        .await;
    }

    /// Puts a node's line into a state until `meanwhile` is over.
    pub async fn on_the_line<T>(
        &self,
        node: usize,
        to: To,
        line: Line,
        meanwhile: impl Future<Output = T>,
    ) -> T {
        let fault = |blocked| match line {
            Line::Whole | Line::Slow { .. } => Fault::Slow,
            _ => blocked,
        };
        let mut phases = Vec::new();
        let lines = &self.nodes[node];
        if to != To::Sql {
            phases.push(self.ledger.begins(fault(Fault::Redis), Some(node)));
            lines.to_redis.set(line);
        }
        if to != To::Redis {
            phases.push(self.ledger.begins(fault(Fault::Sql), Some(node)));
            lines.to_sql.set(line);
        }
        let done = meanwhile.await;
        if to != To::Sql {
            lines.to_redis.set(Line::Whole);
        }
        if to != To::Redis {
            lines.to_sql.set(Line::Whole);
        }
        for phase in phases {
            self.ledger.ends(phase);
        }
        done
    }

    /// One fault after another, drawn from the seed, until `time` is over; gives how many there were.
    pub async fn mix(&self, time: Duration, longest: Duration) -> usize {
        let mut dice = StdRng::seed_from_u64(self.scale.seed ^ 0xFA_0175);
        let until = self.ledger.now() + time;
        let mut count = 0;
        while self.ledger.now() < until {
            count += 1;
            let what = self.drawn(&mut dice);
            let long = dice.random_range(Duration::from_millis(200)..longest);
            // Now and then for longer than any lease.
            let long = if self.scale.long && dice.random_range(0..64) == 0 {
                self.scale.lease() + long
            } else {
                long
            };
            println!(
                "{:>8.1} s  {what:?} for {} ms",
                self.ledger.now().as_secs_f64(),
                long.as_millis()
            );
            self.breaks(what, long).await;
            tokio::time::sleep(dice.random_range(Duration::ZERO..longest / 2)).await;
        }
        count
    }

    fn drawn(&self, dice: &mut StdRng) -> Break {
        let node = dice.random_range(0..self.nodes.len());
        let to = [To::Sql, To::Redis, To::Both][dice.random_range(0..3)];
        let slow = Line::Slow {
            least: Duration::from_millis(20),
            jitter: Duration::from_millis(40),
        };
        match dice.random_range(0..18) {
            0 => Break::RedisKilled,
            1 => Break::RedisFrozen,
            2 => Break::RedisFlushed,
            3 => Break::RedisClientsKilled,
            4 => Break::SqlCrashed,
            5 => Break::SqlFrozen,
            6 => Break::NodeKilled(node),
            7 | 8 => Break::NodeFrozen(node),
            9 => Break::NodeDrained(node),
            10 => Break::Line(node, to, Line::Frozen),
            11 => Break::Line(node, to, Line::Deaf),
            12 => Break::Line(node, to, Line::Mute),
            13 => Break::Line(node, to, Line::HalfOpen),
            14 => Break::Line(node, to, slow),
            15 => Break::OpenTransaction,
            16 => Break::Forged,
            _ => Break::Flapping(node, to),
        }
    }
}
