//! Where a reader of the journal stands, also across a crash of the database.
//!
//! What a read has seen is a set of transactions. A crash of PostgreSQL gives the numbers of those that the
//! disk had not heard of to others: commits that did not wait for the disk, and whatever was rolled back. A
//! snapshot from before the crash would include rows that were written after it. So a reader keeps an older
//! snapshot, too, of which the disk has all, and goes back to it when there may have been a crash.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::store::journal::{self, Anchor, Batch, Page, Position, Snapshot};
use crate::store::{self, Tx};

/// What has committed for as long is on the disk: PostgreSQL writes it within three times `wal_writer_delay`,
/// which is ten seconds at most.
const FLUSHED: Duration = Duration::from_secs(35);
/// Of the time between two reads so much counts, at most: a database that stood still wrote nothing.
const BEAT: Duration = Duration::from_secs(1);

/// Where a reader of the journal stands.
#[derive(Clone, Debug)]
pub struct Cursor {
    epoch: String,
    /// What the reader has seen, and applied.
    seen: Snapshot,
    /// When that was asked for, since boot; `None` where no crash can change what it includes.
    seen_at: Option<Duration>,
    /// An older snapshot that no crash can change.
    firm: Option<Snapshot>,
    /// The one that takes its place, and for how long the database has served since.
    next_firm: (Snapshot, Duration),
    /// When the journal was read last, since boot.
    read_at: Duration,
    /// A look that takes several reads: what its first read saw, when that was asked for, and how far it has
    /// come.
    look: Option<(Snapshot, Duration, Position)>,
    /// Rows that were given and may be read again.
    given: BTreeSet<Anchor>,
}

impl Cursor {
    /// A reader that begins at the journal's present end, asked for at `asked` since boot.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn at_the_end(tx: &mut Tx, asked: Duration) -> Result<Self, store::Error> {
        let (epoch, seen) = journal::present(tx).await?;
        Ok(Self::new(epoch, seen, asked))
    }

    /// A reader of `epoch` that has seen what `seen` includes, asked for at `asked` since boot.
    #[must_use]
    pub fn new(epoch: String, seen: Snapshot, asked: Duration) -> Self {
        Self {
            epoch,
            seen_at: Some(asked),
            firm: None,
            next_firm: (seen.clone(), Duration::ZERO),
            read_at: asked,
            look: None,
            given: BTreeSet::new(),
            seen,
        }
    }

    /// The name of the journal that is read.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// What was read and applied completely.
    #[must_use]
    pub const fn seen(&self) -> &Snapshot {
        &self.seen
    }

    /// Since when the database must not have crashed, for what was seen to be what it was; `None`: it may.
    #[must_use]
    pub fn holds_since(&self) -> Option<Duration> {
        self.look.as_ref().map(|(_, asked, _)| *asked).or(self.seen_at)
    }

    /// What was applied and no crash can change.
    #[must_use]
    pub fn firm(&self) -> Snapshot {
        self.firm.clone().unwrap_or(Snapshot::NOTHING)
    }

    /// Something committed after the reader began that waited for the disk: all that it has seen is there.
    pub fn flushed(&mut self) {
        self.firm = Some(self.seen.clone());
    }

    /// There may have been a crash. Answers whether the reader could go back to what that cannot change: then
    /// it reads again, and gives what it has not given before.
    pub fn step_back(&mut self) -> bool {
        let Some(firm) = &self.firm else {
            return false;
        };
        self.seen = firm.clone();
        self.seen_at = None;
        self.next_firm = (firm.clone(), Duration::ZERO);
        self.look = None;
        true
    }

    /// The visible rows that were not given before, `most` of them.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn read(&self, tx: &mut Tx, most: i64) -> Result<Batch, store::Error> {
        let after = self
            .look
            .as_ref()
            .map_or_else(Position::default, |(_, _, page)| *page);
        // After a step back nearly all rows were given before, and the line to the database may be slow.
        let nothing = BTreeSet::new();
        let spared = if self.seen_at.is_none() {
            &self.given
        } else {
            &nothing
        };
        let mut batch = journal::read_after(tx, &self.seen, Page { after, most }, spared).await?;
        batch
            .entries
            .retain(|entry| !self.given.contains(&Anchor::of(entry)));
        Ok(batch)
    }

    /// The batch, asked for at `asked` since boot, was applied. What it saw counts as seen once nothing of it
    /// is left to read: then that of the look's first read, because rows may have committed behind the later
    /// ones.
    pub fn advance(&mut self, batch: &Batch, asked: Duration) {
        self.given.extend(batch.entries.iter().map(Anchor::of));
        let (first, first_asked) = match self.look.take() {
            Some((first, first_asked, _)) => (first, first_asked),
            None => (batch.snapshot.clone(), asked),
        };
        if let Some(page) = batch.last.filter(|_| batch.full) {
            self.look = Some((first, first_asked, page));
        } else {
            (self.seen, self.seen_at) = (first, Some(first_asked));
        }
        // They are many, and only another firm snapshot includes more of them.
        if self.age(asked) || self.firm.is_none() {
            let kept = self.firm.as_ref().unwrap_or(&self.seen);
            self.given.retain(|row| !kept.includes(row.position));
        }
    }

    /// Counts how long the database has served. Answers whether it was time for the next firm snapshot.
    fn age(&mut self, asked: Duration) -> bool {
        let (next, age) = &mut self.next_firm;
        *age += asked.saturating_sub(self.read_at).min(BEAT);
        self.read_at = asked;
        if *age < FLUSHED {
            return false;
        }
        self.firm = Some(std::mem::replace(next, self.seen.clone()));
        *age = Duration::ZERO;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(snapshot: &str) -> Batch {
        Batch {
            epoch: "one".to_owned(),
            entries: Vec::new(),
            snapshot: snapshot.parse().unwrap(),
            last: None,
            full: false,
            backend: None,
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_snapshot_is_firm_when_the_database_has_served_for_long_enough() {
        let mut cursor = Cursor::new("one".to_owned(), "5:5:".parse().unwrap(), seconds(100));
        assert!(!cursor.step_back(), "nothing is firm yet");
        // However long it stood still, that is one beat.
        cursor.advance(&batch("6:6:"), seconds(1_000));
        for at in 1..34 {
            cursor.advance(&batch("7:7:"), seconds(1_000 + at));
        }
        assert!(!cursor.step_back(), "34 beats");
        cursor.advance(&batch("8:8:"), seconds(1_034));
        assert_eq!(cursor.holds_since(), Some(seconds(1_034)));
        assert!(cursor.step_back());
        assert_eq!(cursor.seen().to_string(), "5:5:", "what was seen 35 beats ago");
        assert_eq!(cursor.holds_since(), None, "whatever happens");
    }
}
