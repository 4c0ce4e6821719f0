//! The connection that the journal is read over, kept from one question to the next. Given back to a pool it
//! would be asked whether it is alive each time, and on a line that swallows everything that takes seconds, in
//! which nothing is read.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use crate::store::{Db, Error, Tx};

/// How long an answer may take, a new connection included. What takes longer may wait for a line that carries
/// nothing any more, so the next question, over another, must not wait for it: half of what a node has after
/// the heal of a cut.
const ANSWER: Duration = Duration::from_secs(1);

/// The tail's way to the database: one connection at a time, made when it is needed.
#[derive(Debug)]
pub struct Line {
    db: Db,
    held: Option<Tx>,
}

impl Line {
    /// A way to `db`, on which nothing was asked yet.
    pub fn new(db: &Db) -> Self {
        Self {
            db: db.clone(),
            held: None,
        }
    }

    /// Asks `question`. After an error the connection is closed, and the next question gets a new one.
    ///
    /// # Errors
    /// [`Error::Silent`] when there was no answer in time, or what `question` failed with.
    pub async fn ask<T>(
        &mut self,
        question: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, Error>>,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + ANSWER;
        let mut tx = match self.held.take() {
            Some(tx) => tx,
            None => timeout_at(deadline, self.db.tail())
                .await
                .unwrap_or(Err(Error::Silent))?,
        };
        let answer = timeout_at(deadline, question(&mut tx)).await;
        let answer = answer.unwrap_or(Err(Error::Silent));
        if answer.is_ok() {
            self.held = Some(tx);
        } else {
            tx.close();
        }
        answer
    }
}
