//! How much a client may send, counted below the WebSocket: also bytes that never become a message cost
//! something, such as fragments without an end (T26).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A window of time.
const WINDOW: Duration = Duration::from_secs(10);
/// Bytes in one window: more than all the frames that a socket may send in it, each of the largest size.
const MOST: usize = 256 * 1024;

/// A TCP stream whose reading fails with [`io::ErrorKind::QuotaExceeded`] once for each window in which too much
/// came.
#[derive(Debug)]
pub struct Metered {
    stream: TcpStream,
    began: Instant,
    count: usize,
}

impl Metered {
    pub fn new(stream: TcpStream) -> Self {
        let began = Instant::now();
        let count = 0;
        Self { stream, began, count }
    }

    /// The stream itself, for its settings.
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Counts `bytes` that were read at `now`; false when they are too many.
    fn count(&mut self, bytes: usize, now: Instant) -> bool {
        if now.saturating_duration_since(self.began) >= WINDOW {
            (self.began, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(bytes);
        let fits = self.count <= MOST;
        if !fits {
            // What is still to be read before the connection closes is told once more, not each time.
            (self.began, self.count) = (now, 0);
        }
        fits
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        let result = if self.count(read, Instant::now()) {
            Ok(())
        } else {
            Err(io::ErrorKind::QuotaExceeded.into())
        };
        Poll::Ready(result)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
