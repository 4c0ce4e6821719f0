//! The listening half of the bus: reads the stream on a connection of its own, because a read blocks.
//!
//! The cursor begins at the stream's present end, as a concrete id, so that nothing falls between two
//! reads. Whenever it has connected, and whenever the bus is up again, it says so: what was missed before is
//! in the journal.

use std::convert::Infallible;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value};

use super::News;
use super::message::{EntryId, Message, entries, entries_read};
use super::redis::Inner;
use crate::hub::redis::PATIENCE;
use crate::metric;

/// How long Redis holds a read back while there is nothing to tell.
const BLOCK: Duration = Duration::from_secs(1);
/// The most entries of one read.
const BATCH: u32 = 1000;

/// Why reading ended.
enum Lost {
    /// The connection ended or the answer was an error: the cursor may still be good.
    Connection,
    /// Silence, or nonsense: everything begins anew.
    Silent,
}

/// Reads for ever.
pub(super) async fn run(bus: &Inner, news: &impl Fn(News)) {
    let (mut cursor, mut first) = (None, true);
    loop {
        // While Redis is away the link alone knocks.
        bus.link.until_up().await;
        let Ok(connection) = bus.link.connect().await else {
            continue;
        };
        if !std::mem::take(&mut first) {
            metrics::counter!(metric::BUS_RECONNECTS).increment(1);
        }
        let mut anew = bus.health.anew();
        let lost = tokio::select! {
            Err(lost) = read(bus, connection, &mut cursor, news) => lost,
            _ = anew.changed() => Lost::Silent,
        };
        bus.health.reader_ended();
        if matches!(lost, Lost::Silent) {
            cursor = None;
        }
    }
}

/// Reads until the connection is lost.
async fn read(
    bus: &Inner,
    mut connection: MultiplexedConnection,
    cursor: &mut Option<EntryId>,
    news: &impl Fn(News),
) -> Result<Infallible, Lost> {
    let end = present_end(bus, &mut connection).await?;
    // A stream that ends before the cursor is another one: Redis was emptied, or exchanged.
    let mut at = cursor.filter(|held| *held <= end).unwrap_or(end);
    news(News::Reconnected);
    bus.health.reader_began();
    loop {
        *cursor = Some(at);
        let mut next = redis::cmd("XREAD");
        let millis = u64::try_from(BLOCK.as_millis()).unwrap_or(u64::MAX);
        next.arg("BLOCK").arg(millis).arg("COUNT").arg(BATCH);
        next.arg("STREAMS").arg(&bus.stream).arg(at.to_string());
        let answer = ask(&mut connection, &next, BLOCK + PATIENCE).await?;
        for (id, fields) in entries_read(&answer).ok_or(Lost::Silent)? {
            match Message::read(&bus.link, &bus.stream, fields) {
                Some(message) => hear(bus, message, news),
                None if bus.garbage.may_say() => {
                    tracing::warn!(
                        stream = bus.stream,
                        "the stream holds what no node of this hub wrote"
                    );
                }
                None => {}
            }
            at = id;
        }
    }
}

/// The id of the newest entry: what is written from now on comes after it.
async fn present_end(bus: &Inner, connection: &mut MultiplexedConnection) -> Result<EntryId, Lost> {
    let mut last = redis::cmd("XREVRANGE");
    last.arg(&bus.stream).arg("+").arg("-").arg("COUNT").arg(1);
    let answer = ask(connection, &last, PATIENCE).await?;
    let newest = entries(&answer).ok_or(Lost::Silent)?;
    Ok(newest.first().map_or_else(EntryId::default, |(id, _)| *id))
}

async fn ask(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
    patience: Duration,
) -> Result<Value, Lost> {
    match tokio::time::timeout(patience, command.query_async(connection)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the bus could not be read");
            Err(Lost::Connection)
        }
        Err(_) => Err(Lost::Silent),
    }
}

fn hear(bus: &Inner, message: Message, news: &impl Fn(News)) {
    match message {
        // Its own rows it has read already.
        Message::Journal { node, .. } if node == bus.node => {}
        Message::Journal { sequences, .. } if sequences.is_empty() => news(News::Reconnected),
        Message::Journal { epoch, sequences, .. } => {
            for sequence in sequences {
                let epoch = epoch.clone();
                news(News::Journal { epoch, sequence });
            }
        }
        Message::Shed {
            node,
            user,
            connection,
        } if node == bus.node => news(News::Shed { user, connection }),
        Message::Probe { node, number } if node == bus.node => {
            // Down without a loss of this connection: what was sent meanwhile may be gone all the same.
            if bus.health.saw(number) {
                news(News::Reconnected);
            }
        }
        Message::Shed { .. } | Message::Probe { .. } => {}
    }
}
