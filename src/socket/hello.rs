//! From the upgrade to `ready`: the socket token, the registration, the session's read.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::close::CloseCode;
use super::protocol::{ClientFrame, Hello, MAX_HELLO};
use super::wire::{End, Wire};
use crate::app::App;
use crate::hub::admission::Turn;
use crate::hub::registry::Socket;
use crate::hub::{Opened, Opening, Resume, WaitingPlace};
use crate::ids::ConnectionId;
use crate::secret::PlainToken;
use crate::sessions::{RedeemError, SocketToken};

/// How long a client may take to say hello.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a client introduces itself.
#[derive(Debug)]
pub enum Introduction {
    /// The token came as a subprotocol.
    Token(PlainToken),
    /// A hello frame is awaited, in this place.
    Awaited(WaitingPlace),
}

/// A client that may be told `ready`.
#[derive(Debug)]
pub struct Greeted {
    pub opened: Box<Opened>,
    /// What it said while it waited for that.
    pub early: Option<Message>,
}

/// Brings a fresh socket to where it may say `ready`.
pub async fn greet(
    app: &App,
    wire: &mut impl Wire,
    introduction: Introduction,
    ip: IpAddr,
) -> Result<Greeted, End> {
    let (token, resume) = match introduction {
        Introduction::Token(token) => (token, None),
        Introduction::Awaited(place) => {
            let hello = tokio::select! {
                hello = tokio::time::timeout(PATIENCE, read_hello(wire)) => hello,
                () = app.lifecycle.stopped().cancelled() => return Err(End::Closed(CloseCode::ServiceRestart)),
            };
            drop(place);
            let hello = hello.map_err(|_| End::Closed(CloseCode::HelloTimeout))??;
            let resume = hello.resume.map(|from| Resume {
                epoch: from.epoch,
                sequence: from.sequence,
            });
            (PlainToken::presented(hello.token), resume)
        }
    };
    let token = app
        .sessions
        .verify_socket_token(&token)
        .await
        .map_err(|error| refused(&error))?;
    let (turn, early) = admit(app, wire).await?;
    let opened = open(app, &token, resume, ip).await?;
    drop(turn);
    Ok(Greeted { opened, early })
}

/// Waits for the turn of this socket, and reads meanwhile, to notice a client that gave up: in a storm the
/// others would wait for the opening of sockets that nobody wants any more. What a client says before it
/// is ready is kept for then, and what it says after that is left unread.
async fn admit(app: &App, wire: &mut impl Wire) -> Result<(Turn, Option<Message>), End> {
    let mut early = None;
    let turn = tokio::select! {
        biased;
        () = app.lifecycle.stopped().cancelled() => return Err(End::Closed(CloseCode::ServiceRestart)),
        () = app.lifecycle.draining().cancelled() => return Err(End::Closed(CloseCode::Draining)),
        turn = app.cx.hub.admission().turn() => turn,
        end = gives_up(wire, &mut early) => return Err(end),
    };
    let turn = turn.map_err(|_| End::Closed(CloseCode::Overloaded))?;
    Ok((turn, early))
}

/// Ends when the client goes away, or never.
async fn gives_up(wire: &mut impl Wire, early: &mut Option<Message>) -> End {
    loop {
        match wire.next().await {
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(said @ (Message::Text(_) | Message::Binary(_)))) => {
                *early = Some(said);
                return std::future::pending().await;
            }
            Some(Ok(Message::Close(_))) | None => return End::Gone,
            Some(Err(error)) => return end_of_error(&error),
        }
    }
}

fn refused(error: &RedeemError) -> End {
    End::Closed(match error {
        RedeemError::Invalid => CloseCode::TokenInvalid,
        RedeemError::Used => CloseCode::TokenUsed,
    })
}

async fn open(
    app: &App,
    token: &SocketToken,
    resume: Option<Resume>,
    ip: IpAddr,
) -> Result<Box<Opened>, End> {
    let unspent = app.sessions.redeem(token).map_err(|error| refused(&error))?;
    let cx = &app.cx;
    let connection_id = ConnectionId::generate(&cx.clock, &cx.rng);
    let socket = Socket::new(connection_id, token.user_id, token.session_id, cx.now(), Some(ip));
    let opening = cx.hub.open(socket, unspent, resume).await;
    // Who registered after the drain had looked at the registry sees here that it has begun.
    if app.lifecycle.draining().is_cancelled() {
        return Err(End::Closed(CloseCode::Draining));
    }
    match opening {
        Ok(Opening::Opened(opened)) => Ok(opened),
        Ok(Opening::Used) => Err(End::Closed(CloseCode::TokenUsed)),
        Ok(Opening::Ended(ending)) => Err(End::SignedOut(ending)),
        Err(error) => Err(End::Closed(unreadable(&error))),
    }
}

/// Without SQL no socket opens: the client comes back later.
fn unreadable(error: &crate::store::Error) -> CloseCode {
    tracing::warn!(%error, "a socket could not be opened");
    CloseCode::Overloaded
}

async fn read_hello(wire: &mut impl Wire) -> Result<Hello, End> {
    loop {
        let text = match wire.next().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return Err(End::Closed(CloseCode::BadFrame)),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
            Some(Err(error)) => return Err(end_of_error(&error)),
        };
        if text.len() > MAX_HELLO {
            return Err(End::Closed(CloseCode::TooLarge));
        }
        return match ClientFrame::parse(&text) {
            Ok(ClientFrame::Hello(hello)) => Ok(hello),
            Ok(_) => Err(End::Closed(CloseCode::UnexpectedType)),
            Err(code) => Err(End::Closed(code)),
        };
    }
}

/// What a failed read means for the socket.
pub fn end_of_error(error: &WsError) -> End {
    match error {
        WsError::Capacity(_) => End::Closed(CloseCode::TooLarge),
        WsError::Utf8(_) => End::Closed(CloseCode::BadFrame),
        WsError::Io(error) if error.kind() == ErrorKind::QuotaExceeded => {
            End::Closed(CloseCode::TooManyFrames)
        }
        _ => End::Gone,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::super::harness::{Client, Stage, line, near};
    use super::*;

    /// How greeting ends for a client that does as `script` does, and after how long.
    async fn greeted(stage: &Stage, script: impl AsyncFnOnce(&mut Client)) -> (End, Duration) {
        let (mut wire, mut client) = line(8);
        let ip = IpAddr::from([127, 0, 0, 1]);
        let place = stage.app.cx.hub.wait_for_hello(ip).unwrap();
        let began = tokio::time::Instant::now();
        let greeting = async {
            let end = greet(&stage.app, &mut wire, Introduction::Awaited(place), ip).await;
            (end.unwrap_err(), began.elapsed())
        };
        let (ended, ()) = tokio::join!(greeting, script(&mut client));
        ended
    }

    #[tokio::test]
    async fn who_says_no_hello_in_five_seconds_is_closed() {
        let stage = Stage::set().await;
        let silent = greeted(&stage, async |client| client.stay().await).await;
        let pinging = greeted(&stage, async |client| {
            // What is no hello wins no time.
            for _ in 0..10 {
                client.send(Message::Ping(Vec::new().into())).await;
                tokio::time::sleep(Duration::from_millis(900)).await;
            }
        })
        .await;
        for (end, after) in [silent, pinging] {
            assert!(matches!(end, End::Closed(CloseCode::HelloTimeout)), "{end:?}");
            assert!(near(after, PATIENCE), "{after:?}");
        }
    }

    #[tokio::test]
    async fn a_hello_at_the_last_moment_is_heard() {
        let stage = Stage::set().await;
        let (end, after) = greeted(&stage, async |client| {
            tokio::time::sleep(Duration::from_millis(4_900)).await;
            client.say(r#"{"type":"hello","token":"none"}"#).await;
        })
        .await;
        assert!(matches!(end, End::Closed(CloseCode::TokenInvalid)), "{end:?}");
        assert!(after < PATIENCE);
    }

    /// How the wait for a turn ends while all turns are taken, and after how long.
    async fn waited(
        stage: &Stage,
        script: impl AsyncFnOnce(Client, Vec<Turn>),
    ) -> (Result<Option<Message>, End>, Duration) {
        let mut turns = Vec::new();
        while let Some(turn) = stage.app.cx.hub.admission().turn().now_or_never() {
            turns.push(turn.unwrap());
        }
        let (mut wire, client) = line(8);
        let began = tokio::time::Instant::now();
        let waiting = async {
            let admitted = admit(&stage.app, &mut wire).await;
            (admitted.map(|(_turn, early)| early), began.elapsed())
        };
        tokio::join!(waiting, script(client, turns)).0
    }

    #[tokio::test]
    async fn who_gives_up_waiting_is_noticed() {
        let stage = Stage::set().await;
        let gone = waited(&stage, async |client, turns| {
            client.send(Message::Ping(Vec::new().into())).await;
            drop(client);
            tokio::time::sleep(Duration::from_mins(1)).await;
            drop(turns);
        })
        .await;
        let closed = waited(&stage, async |mut client, _turns| {
            client.send(Message::Close(None)).await;
            client.stay().await;
        })
        .await;
        for (end, after) in [gone, closed] {
            assert!(matches!(end, Err(End::Gone)), "{end:?}");
            assert!(near(after, Duration::ZERO), "{after:?}");
        }
    }

    #[tokio::test]
    async fn what_is_said_while_waiting_is_kept() {
        let stage = Stage::set().await;
        let (early, _) = waited(&stage, async |mut client, turns| {
            client.say("said early").await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(turns);
            client.stay().await;
        })
        .await;
        assert_eq!(early.unwrap(), Some(Message::text("said early")));
    }

    #[tokio::test]
    async fn who_waits_in_vain_comes_back_later() {
        let stage = Stage::set().await;
        let (end, after) = waited(&stage, async |mut client, _turns| client.stay().await).await;
        assert!(matches!(end, Err(End::Closed(CloseCode::Overloaded))), "{end:?}");
        assert!(near(after, Duration::from_secs(5)), "{after:?}");
    }

    #[tokio::test]
    async fn nobody_is_kept_waiting_by_a_node_that_drains() {
        let stage = Stage::set().await;
        let (end, after) = waited(&stage, async |mut client, _turns| {
            stage.app.lifecycle.drain();
            client.stay().await;
        })
        .await;
        assert!(matches!(end, Err(End::Closed(CloseCode::Draining))), "{end:?}");
        assert!(near(after, Duration::ZERO), "{after:?}");
    }

    #[tokio::test]
    async fn the_end_of_the_process_does_not_wait_for_a_turn() {
        let stage = Stage::set().await;
        let (end, after) = waited(&stage, async |mut client, _turns| {
            stage.app.lifecycle.stopped().cancel();
            client.stay().await;
        })
        .await;
        assert!(
            matches!(end, Err(End::Closed(CloseCode::ServiceRestart))),
            "{end:?}"
        );
        assert!(near(after, Duration::ZERO), "{after:?}");
    }

    #[tokio::test]
    async fn the_end_of_the_process_does_not_wait_for_a_hello() {
        let stage = Stage::set().await;
        let (end, after) = greeted(&stage, async |client| {
            stage.app.lifecycle.stopped().cancel();
            client.stay().await;
        })
        .await;
        assert!(matches!(end, End::Closed(CloseCode::ServiceRestart)), "{end:?}");
        assert!(near(after, Duration::ZERO), "{after:?}");
    }
}
