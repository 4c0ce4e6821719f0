//! Reads sessions for all the requests of a moment together: one query instead of one for each.
//!
//! Nothing is remembered. A request is answered by a query that was sent after the request asked, never by
//! one already under way, so that what was acknowledged before a request began is always seen by it. There
//! is no task behind this: of those who ask, one reads for all, and hands the duty on when it has answered,
//! or when its own request is given up. Called by `access_token`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ids::SessionId;
use crate::store::sessions::{Checked, check, check_many};
use crate::store::{self, Db};

/// The most sessions that one query asks for.
const BATCH: usize = 1_000;
/// A failure that took this long is told to those who still wait as well: they would wait as long for it.
const SLOW: Duration = Duration::from_millis(500);

type Found<V> = Result<HashMap<SessionId, V>, store::Error>;
/// Takes the waiting along once it may ask, and asks.
type Read<V> = dyn for<'a> Fn(&'a mut Lead<V>) -> BoxFuture<'a, Found<V>> + Send + Sync;

/// Reads sessions from one database. Clones share.
pub(super) struct Checks<V = Checked>(Arc<Inner<V>>);

struct Inner<V> {
    queue: Mutex<Queue<V>>,
    /// How many may read at once.
    lanes: usize,
    read: Box<Read<V>>,
}

struct Queue<V> {
    waiting: VecDeque<Waiting<V>>,
    reading: usize,
}

struct Waiting<V> {
    id: SessionId,
    tell: oneshot::Sender<Told<V>>,
}

enum Told<V> {
    Answer(Result<Option<V>, store::Error>),
    /// It is for this request to read now, for itself and for others.
    Lead(Lead<V>),
}

impl Checks {
    /// On PostgreSQL two queries may be under way at once, on SQLite one.
    pub(super) fn of(db: &Db) -> Self {
        let lanes = if matches!(db, Db::Sqlite { .. }) { 1 } else { 2 };
        let db = db.clone();
        Self::new(lanes, move |lead| Box::pin(query(db.clone(), lead)))
    }
}

async fn query(db: Db, lead: &mut Lead<Checked>) -> Found<Checked> {
    let tx = db.read().await?;
    // Who came while a connection was waited for comes along.
    let ids = lead.take();
    let found = tx.in_time(move |tx| {
        Box::pin(async move {
            match ids.as_slice() {
                [id] => Ok(check(tx, *id).await?.into_iter().collect()),
                ids => check_many(tx, ids).await,
            }
        })
    });
    let found: Vec<Checked> = found.await?;
    Ok(found.into_iter().map(|checked| (checked.id, checked)).collect())
}

impl<V: Clone> Checks<V> {
    fn new(
        lanes: usize,
        read: impl for<'a> Fn(&'a mut Lead<V>) -> BoxFuture<'a, Found<V>> + Send + Sync + 'static,
    ) -> Self {
        let queue = Mutex::new(Queue {
            waiting: VecDeque::new(),
            reading: 0,
        });
        let read = Box::new(read);
        Self(Arc::new(Inner { queue, lanes, read }))
    }

    /// The session as a query finds it that is sent after this was called. `None`: there is none.
    pub(super) async fn check(&self, id: SessionId) -> Result<Option<V>, store::Error> {
        let lead = match self.join(id) {
            Ok(lead) => lead,
            Err(told) => match told.await {
                Ok(Told::Answer(answer)) => return answer,
                Ok(Told::Lead(lead)) => lead,
                // Nobody forgets those who wait; if somebody did, nothing is known of the session.
                Err(_) => return Err(store::Error::Silent),
            },
        };
        self.read(lead, id).await
    }

    /// Takes a free lane, or a place among those who wait.
    fn join(&self, id: SessionId) -> Result<Lead<V>, oneshot::Receiver<Told<V>>> {
        let mut queue = self.0.lock();
        if queue.reading < self.0.lanes {
            queue.reading += 1;
            return Ok(Lead::new(&self.0, id));
        }
        let (tell, told) = oneshot::channel();
        queue.waiting.push_back(Waiting { id, tell });
        Err(told)
    }

    async fn read(&self, mut lead: Lead<V>, own: SessionId) -> Result<Option<V>, store::Error> {
        let began = Instant::now();
        match (self.0.read)(&mut lead).await {
            Ok(found) => {
                lead.answer(|id| Ok(found.get(&id).cloned()));
                Ok(found.get(&own).cloned())
            }
            Err(error) if error.is_passing() || lead.batch.is_empty() => {
                if began.elapsed() >= SLOW {
                    lead.take();
                }
                lead.answer(|_| Err(error.again()));
                Err(error)
            }
            // One row that cannot be read must not be in the way of the others.
            Err(_) => {
                while let Some(next) = lead.batch.last().map(|next| next.id) {
                    // Who is in the batch is handed on, should this request be given up meanwhile.
                    let answer = self.alone(next).await;
                    if let Some(next) = lead.batch.pop() {
                        let _gone = next.tell.send(Told::Answer(answer));
                    }
                }
                self.alone(own).await
            }
        }
    }

    async fn alone(&self, id: SessionId) -> Result<Option<V>, store::Error> {
        let mut lead = Lead::alone(id);
        let found = (self.0.read)(&mut lead).await?;
        Ok(found.get(&id).cloned())
    }
}

impl<V> Inner<V> {
    fn lock(&self) -> MutexGuard<'_, Queue<V>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the duty to read to the first who still waits, behind those in `unanswered`; without any, the
    /// lane is free.
    fn hand_on(self: &Arc<Self>, unanswered: Vec<Waiting<V>>) {
        let mut queue = self.lock();
        for waiting in unanswered.into_iter().rev() {
            queue.waiting.push_front(waiting);
        }
        let heir = loop {
            match queue.waiting.pop_front() {
                Some(gone) if gone.tell.is_closed() => {}
                Some(heir) => break heir,
                None => {
                    queue.reading -= 1;
                    return;
                }
            }
        };
        drop(queue);
        // Where the heir goes away meanwhile, the duty is dropped with the message, and handed on by that.
        drop(heir.tell.send(Told::Lead(Lead::new(self, heir.id))));
    }
}

/// The duty to read for those who wait. Dropped, it goes to the next of them.
struct Lead<V> {
    /// `None`: reads for itself alone.
    of: Option<Arc<Inner<V>>>,
    own: SessionId,
    batch: Vec<Waiting<V>>,
}

impl<V> Lead<V> {
    fn new(inner: &Arc<Inner<V>>, own: SessionId) -> Self {
        let (of, batch) = (Some(Arc::clone(inner)), Vec::new());
        Self { of, own, batch }
    }

    fn alone(own: SessionId) -> Self {
        let (of, batch) = (None, Vec::new());
        Self { of, own, batch }
    }

    /// Takes along who waits now; answers which sessions to ask for, each once.
    fn take(&mut self) -> Vec<SessionId> {
        if let Some(inner) = &self.of {
            let mut queue = inner.lock();
            let most = queue.waiting.len().min(BATCH);
            let waiting = queue.waiting.drain(..most);
            self.batch
                .extend(waiting.filter(|waiting| !waiting.tell.is_closed()));
        }
        let mut ids: Vec<SessionId> = self.batch.iter().map(|waiting| waiting.id).collect();
        ids.push(self.own);
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn answer(&mut self, answer: impl Fn(SessionId) -> Result<Option<V>, store::Error>) {
        for waiting in self.batch.drain(..) {
            let _gone = waiting.tell.send(Told::Answer(answer(waiting.id)));
        }
    }
}

impl<V> Drop for Lead<V> {
    fn drop(&mut self) {
        if let Some(inner) = self.of.take() {
            inner.hand_on(std::mem::take(&mut self.batch));
        }
    }
}

impl<V> Clone for Checks<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> std::fmt::Debug for Checks<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checks")
    }
}

#[cfg(test)]
mod tests;
