//! What a read of the journal has seen, exactly: the set of transactions that were visible to it.
//!
//! The journal's tail asks for what its last read did not see, and a receipt asks whether a node has seen
//! the transaction that revoked. A transaction left open elsewhere in the cluster holds up neither.

use std::fmt;
use std::str::FromStr;

use super::Position;

/// The transactions that a read has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// PostgreSQL's `pg_snapshot`: all below `xmin`, and those below `xmax` that are not in `running`.
    Transactions { xmin: i64, xmax: i64, running: Vec<i64> },
    /// SQLite's writers are serial: everything up to this sequence.
    Sequence(i64),
}

impl Snapshot {
    /// Whether a row written at `position` was visible.
    #[must_use]
    pub fn includes(&self, position: Position) -> bool {
        match self {
            Self::Transactions { xmin, xmax, running } => {
                position.xid < *xmin || (position.xid < *xmax && !running.contains(&position.xid))
            }
            Self::Sequence(last) => position.sequence <= *last,
        }
    }
}

impl Snapshot {
    /// What includes no transaction of PostgreSQL.
    pub const NOTHING: Self = Self::Transactions {
        xmin: 0,
        xmax: 0,
        running: Vec::new(),
    };

    /// Whether this was taken before `other`, or in another database: snapshots of one only go forward.
    #[must_use]
    pub fn is_behind(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Transactions { xmax, .. }, Self::Transactions { xmax: other, .. })
            | (Self::Sequence(xmax), Self::Sequence(other)) => xmax < other,
            _ => false,
        }
    }
}

impl fmt::Display for Snapshot {
    /// As PostgreSQL writes a `pg_snapshot`; for SQLite the sequence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transactions { xmin, xmax, running } => {
                write!(f, "{xmin}:{xmax}:")?;
                for (at, xid) in running.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    write!(f, "{comma}{xid}")?;
                }
                Ok(())
            }
            Self::Sequence(last) => last.fmt(f),
        }
    }
}

/// The text is no snapshot.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no snapshot")]
pub struct NoSnapshot(String);

impl FromStr for Snapshot {
    type Err = NoSnapshot;

    fn from_str(text: &str) -> Result<Self, NoSnapshot> {
        let wrong = || NoSnapshot(text.to_owned());
        let number = |part: &str| part.parse::<i64>().map_err(|_| wrong());
        let Some((xmin, rest)) = text.split_once(':') else {
            return Ok(Self::Sequence(number(text)?));
        };
        let (xmax, running) = rest.split_once(':').ok_or_else(wrong)?;
        let running = running.split(',').filter(|xid| !xid.is_empty());
        Ok(Self::Transactions {
            xmin: number(xmin)?,
            xmax: number(xmax)?,
            running: running.map(number).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(xid: i64) -> Position {
        Position { xid, sequence: 1 }
    }

    #[test]
    fn a_transaction_is_seen_unless_it_was_running_or_had_not_begun() {
        let snapshot: Snapshot = "10:14:10,12".parse().unwrap();
        let seen: Vec<i64> = (8..16).filter(|xid| snapshot.includes(by(*xid))).collect();
        assert_eq!(seen, [8, 9, 11, 13]);
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        for text in ["10:14:10,12", "10:10:", "17"] {
            assert_eq!(text.parse::<Snapshot>().unwrap().to_string(), text);
        }
        for text in ["", "a", "1:2", "1:2:3,x", "1:x:"] {
            assert_eq!(text.parse::<Snapshot>(), Err(NoSnapshot(text.to_owned())));
        }
    }

    #[test]
    fn with_sqlite_the_sequence_decides() {
        let snapshot = Snapshot::Sequence(5);
        let at = |sequence| Position { xid: 0, sequence };
        assert!(snapshot.includes(at(5)) && !snapshot.includes(at(6)));
    }
}
