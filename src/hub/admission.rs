//! Admission: how many sockets are opened at a time, who waits for it, and who is told to come back later.
//!
//! `socket/hello.rs` takes a [`Turn`] for what an opening costs: a statement, and a connection to run it
//! on. Turns come in order. When a storm of reconnects brings more than can be done soon, who comes last
//! is shed at once, with its token unspent: that costs little, while a queue without end would serve
//! clients that have long given up. `socket/upgrade.rs` asks before the upgrade, when it costs least.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::metric;
use crate::store::Db;

/// Openings at a time on PostgreSQL: of the 16 connections for people, some are left to the others.
const POSTGRES: u32 = 8;
/// Openings at a time on SQLite, which has as many readers.
const SQLITE: u32 = 4;
/// How long anybody waits at most.
const MOST: Duration = Duration::from_secs(5);
/// Who would wait longer than this, in seconds, does not begin to.
const SOON: f64 = 3.0;
/// So many may always wait: a burst that is nothing yet.
const BURST: u32 = 256;
/// Openings a second that are believed in until they are measured: after a start everybody comes at once.
const AT_FIRST: f64 = 500.0;
/// Over how many seconds the measure forgets.
const MEMORY: f64 = 1.0;

/// The door. Clones share.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Door>);

#[derive(Debug)]
struct Door {
    /// Fair: who has waited longest is next.
    turns: Semaphore,
    crowd: Mutex<Crowd>,
}

#[derive(Debug)]
struct Crowd {
    waiting: u32,
    at_work: u32,
    /// Openings that end in a second of work, failed ones too: this is about when the next one may begin.
    rate: f64,
    /// Up to when `rate` is right. Time in which nobody is at work says nothing about it.
    measured_at: Instant,
}

/// There are too many: come back later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shed;

/// One opening at work; dropping it lets the next one begin.
#[derive(Debug)]
#[must_use = "the next one begins when it is dropped"]
pub struct Turn(Arc<Door>);

/// One that waits for its turn.
struct Wait<'a>(&'a Door);

impl Admission {
    /// For this database.
    #[must_use]
    pub fn before(db: &Db) -> Self {
        Self::new(match db {
            Db::Postgres { .. } => POSTGRES,
            Db::Sqlite { .. } => SQLITE,
        })
    }

    fn new(at_a_time: u32) -> Self {
        Self(Arc::new(Door {
            turns: Semaphore::new(usize::try_from(at_a_time).unwrap_or(usize::MAX)),
            crowd: Mutex::new(Crowd {
                waiting: 0,
                at_work: 0,
                rate: AT_FIRST,
                measured_at: Instant::now(),
            }),
        }))
    }

    /// Asks whether one more would be let in soon, without taking a place.
    ///
    /// # Errors
    /// [`Shed`], which counts as one that was.
    pub fn check(&self) -> Result<(), Shed> {
        let is_full = self.0.crowd().is_full(Instant::now());
        if is_full { Err(shed()) } else { Ok(()) }
    }

    /// Waits for a turn. Who stops waiting gives up its place.
    ///
    /// # Errors
    /// [`Shed`], at once or after five seconds.
    pub async fn turn(&self) -> Result<Turn, Shed> {
        let wait = self.0.wait().ok_or_else(shed)?;
        // The semaphore is never closed.
        let Ok(Ok(permit)) = timeout(MOST, self.0.turns.acquire()).await else {
            return Err(shed());
        };
        permit.forget();
        drop(wait);
        self.0.crowd().begin(Instant::now());
        Ok(Turn(Arc::clone(&self.0)))
    }
}

fn shed() -> Shed {
    metrics::counter!(metric::SOCKETS_SHED).increment(1);
    Shed
}

impl Door {
    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: it would be too long.
    fn wait(&self) -> Option<Wait<'_>> {
        let mut crowd = self.crowd();
        if crowd.is_full(Instant::now()) {
            return None;
        }
        crowd.waiting += 1;
        Some(Wait(self))
    }
}

impl Crowd {
    fn is_full(&mut self, now: Instant) -> bool {
        self.measure(now);
        self.waiting >= BURST && f64::from(self.waiting + self.at_work) > self.rate * SOON
    }

    fn begin(&mut self, now: Instant) {
        self.measure(now);
        self.at_work += 1;
    }

    fn end(&mut self, now: Instant) {
        self.measure(now);
        self.at_work -= 1;
        self.rate += 1.0 / MEMORY;
    }

    /// Lets the rate fall for the time of work in which nothing ended.
    fn measure(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.measured_at).as_secs_f64();
        if self.at_work > 0 {
            self.rate *= (-passed / MEMORY).exp();
        }
        self.measured_at = now;
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.crowd().waiting -= 1;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.crowd().end(Instant::now());
        self.0.turns.add_permits(1);
    }
}

#[cfg(test)]
mod tests;
