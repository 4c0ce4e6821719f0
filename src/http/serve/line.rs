//! The TCP stream below HTTP, with a bounded time for what the other side may drag out: the head of a request, and
//! reading an answer. How long it may be idle between two requests hyper knows.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a client may take to send the head of a request, from its first byte, or from the beginning of the
/// connection (slowloris).
pub const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long a client may take to read an answer that does not fit into the buffers of the system. However little it reads
/// meanwhile gives it no more time.
pub const READ_WITHIN: Duration = Duration::from_mins(1);

/// Whose turn it is: odd while a request is being answered, even while one is awaited. Shared with what answers.
#[derive(Clone, Debug, Default)]
pub struct Turn(Arc<AtomicU32>);

impl Turn {
    /// A request is there, or its answer.
    pub fn pass(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream with deadlines.
#[derive(Debug)]
pub struct Line<S> {
    stream: S,
    turn: Turn,
    /// The turn that `head` is of.
    seen: u32,
    /// Runs out while a head is incomplete.
    head: Option<Pin<Box<Sleep>>>,
    /// Runs out while what is written does not fit.
    written: Option<Pin<Box<Sleep>>>,
}

impl<S> Line<S> {
    /// A new connection, of which the first head is awaited.
    pub fn new(stream: S, turn: Turn) -> Self {
        Self {
            seen: turn.now(),
            head: Some(Box::pin(sleep(HEAD_WITHIN))),
            written: None,
            stream,
            turn,
        }
    }

    /// The stream without deadlines.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// What stopped a write is over when everything is out, or when the time is.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let written = self.written.get_or_insert_with(|| Box::pin(sleep(READ_WITHIN)));
        ready!(written.as_mut().poll(cx));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// While an answer goes out nobody waits for a head, though a part of the next one may be there.
    fn progressed(&mut self) {
        if let Some(head) = &mut self.head {
            head.as_mut().reset(Instant::now() + HEAD_WITHIN);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let turn = self.turn.now();
        if self.seen != turn {
            self.seen = turn;
            self.head = None;
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                let awaited = turn.is_multiple_of(2);
                if awaited && self.head.is_none() && buffer.filled().len() > before {
                    self.head = Some(Box::pin(sleep(HEAD_WITHIN)));
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                let Some(head) = &mut self.head else {
                    return Poll::Pending;
                };
                ready!(head.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(result) => {
                self.progressed();
                Poll::Ready(result)
            }
            Poll::Pending => self.overdue(cx).map(Err),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(cx, slices) {
            Poll::Ready(result) => {
                self.progressed();
                Poll::Ready(result)
            }
            Poll::Pending => self.overdue(cx).map(Err),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(result) => {
                self.written = None;
                Poll::Ready(result)
            }
            Poll::Pending => self.overdue(cx).map(Err),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// A line, and the client at its other end, with room for 16 bytes between them.
    fn line() -> (Line<DuplexStream>, DuplexStream, Turn) {
        let (here, there) = duplex(16);
        let turn = Turn::default();
        (Line::new(here, turn.clone()), there, turn)
    }

    /// One read; how it ended, and how long it took.
    async fn read(line: &mut Line<DuplexStream>) -> (Result<usize, io::ErrorKind>, Duration) {
        let began = Instant::now();
        let mut buffer = [0; 8];
        let read = line.read(&mut buffer).await.map_err(|error| error.kind());
        (read, began.elapsed())
    }

    async fn is_silent_for(line: &mut Line<DuplexStream>, time: Duration) -> bool {
        tokio::time::timeout(time, read(line)).await.is_err()
    }

    const TIMED_OUT: Result<usize, io::ErrorKind> = Err(io::ErrorKind::TimedOut);

    #[tokio::test(start_paused = true)]
    async fn t26_a_head_has_its_time_from_the_first_byte_however_slowly_it_comes() {
        let (mut line, _silent, _) = line();
        assert_eq!(read(&mut line).await, (TIMED_OUT, HEAD_WITHIN));

        let (mut line, mut there, turn) = self::line();
        // A request and its answer, then nothing for as long as hyper lets it.
        turn.pass();
        turn.pass();
        assert!(is_silent_for(&mut line, Duration::from_hours(1)).await);
        let dripping = async {
            while there.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let reading = async move {
            let began = Instant::now();
            loop {
                match read(&mut line).await {
                    (Ok(1), _) => {}
                    (end, _) => return (end, began.elapsed()),
                }
            }
        };
        let ((), ended) = tokio::join!(dripping, reading);
        assert_eq!(ended, (TIMED_OUT, HEAD_WITHIN));
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_request_is_answered_no_head_is_awaited() {
        let (mut line, mut there, turn) = line();
        turn.pass();
        for _ in 0..3 {
            assert!(
                is_silent_for(&mut line, HEAD_WITHIN * 2).await,
                "the handler takes its time"
            );
            there.write_all(b"body").await.unwrap();
            assert_eq!(read(&mut line).await.0, Ok(4));
        }
        turn.pass();
        assert!(is_silent_for(&mut line, HEAD_WITHIN * 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn t26_who_does_not_read_an_answer_is_given_up_on() {
        for drips in [false, true] {
            let (mut line, mut there, turn) = line();
            turn.pass();
            turn.pass();
            let reading = async {
                // Else the other end is there, and does nothing.
                while drips && there.read_u8().await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            };
            let writing = async move {
                let began = Instant::now();
                let end = line.write_all(&[0; 1000]).await.map_err(|error| error.kind());
                (end, began.elapsed())
            };
            let ((), ended) = tokio::join!(reading, writing);
            assert_eq!(ended, (Err(io::ErrorKind::TimedOut), READ_WITHIN));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_out_leaves_the_next_one_all_the_time() {
        let (mut line, mut there, _) = line();
        for _ in 0..5 {
            let reading = async {
                tokio::time::sleep(READ_WITHIN / 2).await;
                there.read_exact(&mut [0; 32]).await
            };
            let writing = async {
                line.write_all(&[0; 32]).await?;
                line.flush().await
            };
            let (read, written) = tokio::join!(reading, writing);
            assert!(read.is_ok() && written.is_ok(), "{read:?} {written:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_of_the_next_head_does_not_end_an_answer_that_goes_out() {
        let (mut line, mut there, turn) = line();
        turn.pass();
        turn.pass();
        there.write_all(b"GET").await.unwrap();
        assert_eq!(read(&mut line).await.0, Ok(3));
        for _ in 0..5 {
            tokio::time::sleep(HEAD_WITHIN / 2).await;
            line.write_all(b"answer").await.unwrap();
            there.read_exact(&mut [0; 6]).await.unwrap();
        }
        assert_eq!(read(&mut line).await, (TIMED_OUT, HEAD_WITHIN));
    }
}
