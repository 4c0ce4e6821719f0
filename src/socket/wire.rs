//! Writing to a socket: every write has a deadline, and an order to end interrupts a write that hangs.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::task::Poll;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};

use super::close::CloseCode;
use super::protocol::ServerFrame;
use crate::hub::frame::Frame;
use crate::hub::outbox::{Order, Outbox};
use crate::metric;
use crate::store::sessions::Ending;

/// How long an ordinary frame may take to be written.
const WRITE: Duration = Duration::from_secs(8);
/// How long `signed_out` and its close have; then the TCP connection is dropped. A little less than the two
/// seconds of the contract, so that a receipt which waits for two can tell.
const GOODBYE: Duration = Duration::from_millis(1_800);

/// A WebSocket, or what stands for it in a test.
pub trait Wire:
    Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Unpin + Send
{
}
impl<T> Wire for T where
    T: Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Unpin + Send
{
}

/// How a socket came to its end, seen from this side.
#[derive(Debug)]
pub enum End {
    /// The session ended: tell the client, then close.
    SignedOut(Ending),
    /// This side closes.
    Closed(CloseCode),
    /// The other side went away, or closed.
    Gone,
}

/// What is left of a socket after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Everything was written, or the other side is gone.
    Clean,
    /// The client does not read: what is still buffered must not reach it any more.
    Stuck,
}

/// Writes `text`, unless it takes too long, or an end comes first: ordered by `outbox`, or found by
/// `barred`, which is asked before anything goes out, also when a write that hung goes on.
pub async fn write(
    wire: &mut impl Wire,
    outbox: &Outbox,
    barred: impl Fn() -> Option<End>,
    text: Frame,
) -> Result<(), End> {
    // The bytes are those of a text: they are looked at, not copied.
    let text = Utf8Bytes::try_from(text.into_bytes()).unwrap_or_default();
    let mut writing = std::pin::pin!(wire.send(Message::Text(text)));
    let mut too_long = std::pin::pin!(tokio::time::sleep(WRITE));
    let ended = || barred().or_else(|| outbox.urgent().and_then(end_of));
    loop {
        tokio::select! {
            biased;
            end = poll_fn(|_| ended().map_or(Poll::Pending, Poll::Ready)) => return Err(end),
            written = &mut writing => return written.map_err(|_| End::Gone),
            () = outbox.changed() => {}
            () = &mut too_long => return Err(End::Closed(CloseCode::TooSlow)),
        }
    }
}

fn end_of(order: Order) -> Option<End> {
    match order {
        Order::SignOut(ending) => Some(End::SignedOut(ending)),
        Order::Leave(why) => Some(End::Closed(CloseCode::of_leave(why))),
        Order::Reconnect(_) | Order::Write(_) => None,
    }
}

/// Says goodbye as `end` asks, and closes. Bounded by two seconds whatever the client does.
pub async fn finish(wire: &mut impl Wire, end: End) -> Rest {
    let (code, last) = match end {
        End::Gone => {
            // Where the client closed first, its close is answered.
            let _answered = tokio::time::timeout(GOODBYE, wire.flush()).await;
            return Rest::Clean;
        }
        End::Closed(code) => (code, None),
        End::SignedOut(Ending {
            reason,
            scope,
            message,
        }) => {
            let code = CloseCode::of_ending(reason);
            let message = message.as_deref();
            (
                code,
                Some(
                    ServerFrame::SignedOut {
                        code: code.number(),
                        reason,
                        scope,
                        message,
                    }
                    .text(),
                ),
            )
        }
    };
    if code == CloseCode::LeaseExpired {
        metrics::counter!(metric::LEASE_EXPIRED).increment(1);
    }
    metrics::counter!(metric::CLOSE, "code" => code.number().to_string()).increment(1);
    let goodbye = async {
        if let Some(text) = last {
            wire.feed(Message::text(text)).await?;
        }
        wire.send(Message::Close(Some(code.frame()))).await
    };
    match tokio::time::timeout(GOODBYE, goodbye).await {
        Err(_) => Rest::Stuck,
        Ok(_) => Rest::Clean,
    }
}

/// Reads until the client has closed its side, for a moment at most. Dropped with unread input, the TCP
/// connection would be reset, and the client might lose the close frame that tells it why.
pub async fn linger<S>(wire: &mut WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let closed = async {
        while let Some(Ok(_)) = wire.next().await {}
        // What follows a frame that was refused is no frame any more, and is read all the same.
        let stream = wire.get_mut();
        let mut unread = [0; 1024];
        stream.shutdown().await?;
        loop {
            match stream.read(&mut unread).await {
                Ok(0) => return std::io::Result::Ok(()),
                Ok(_) => {}
                // However much it is: nothing is done about it.
                Err(error) if error.kind() == ErrorKind::QuotaExceeded => {}
                Err(error) => return Err(error),
            }
        }
    };
    let _in_time = tokio::time::timeout(GOODBYE, closed).await;
}
