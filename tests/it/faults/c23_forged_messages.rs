//! C23: somebody else writes into the same Redis: garbage, and messages that look real. Nobody is signed
//! out by them, no role changes, nothing falls over, and real logouts arrive.

use std::time::Duration;

use super::actor::Rates;
use super::ledger::Kind;
use super::run::{Run, Setup};
use super::swarm::Manner;

/// The stream that nodes read.
const STREAM: &str = "portcullis:journal";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_messages_change_nothing() {
    let run = Run::start("C23", Setup::nodes(2)).await;
    let scale = run.scale;
    run.gather(scale.count(40, 3_000), Manner::default()).await;
    // A real one, so that the stream is there with the fields that it has.
    let session = run.somebody_on(1);
    run.actor.end(&session, 0, "none").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let real = run
        .redis
        .lock()
        .await
        .say(&["XREVRANGE", STREAM, "+", "-", "COUNT", "1"])
        .await;
    let fields = fields_of(&real);
    assert!(!fields.is_empty(), "the stream holds no message: {real:?}");
    run.act(Rates {
        revocations: 5.0,
        ..Rates::default()
    });
    let until = run.ledger.now() + scale.seconds(3.0, 60.0);
    let mut sent = 0;
    while run.ledger.now() < until {
        let victims = run.actor.living();
        let mut commands: Vec<Vec<String>> = Vec::new();
        for number in 0..500 {
            let victim = &victims[number % victims.len()];
            commands.push(forged(&fields, &session.id, &victim.id, number));
        }
        sent += commands.len();
        run.redis.lock().await.say_all(&commands).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("{sent} forged messages; a real one has {fields:?}");
    let logs = run.judge().await.clean(5);
    let states = logs.sockets.iter().flat_map(|socket| &socket.frames);
    let states = states.filter(|frame| frame.kind == Kind::State).count();
    assert_eq!(states, 0, "a forged message changed a state");
}

/// Names and values of an entry, as `XREVRANGE` prints them.
fn fields_of(answer: &str) -> Vec<String> {
    let words = answer
        .lines()
        .filter(|line| !line.starts_with(['*', '$', '+', ':', '-']));
    // The first is the entry's id.
    words.skip(1).map(str::to_owned).collect()
}

/// An entry that is like the real one, but names another session; each third one is garbage.
fn forged(fields: &[String], old: &str, new: &str, number: usize) -> Vec<String> {
    let mut command = vec!["XADD".to_owned(), STREAM.to_owned(), "*".to_owned()];
    for (at, field) in fields.iter().enumerate() {
        let is_value = at % 2 == 1;
        command.push(if is_value && number.is_multiple_of(3) {
            format!("\u{0}garbage {number}")
        } else {
            field.replace(old, new)
        });
    }
    command
}
