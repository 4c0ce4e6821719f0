//! C23: somebody else writes into the same Redis: garbage, and messages that look real. Nobody is signed
//! out by them, no role changes, nothing falls over, and real logouts arrive.

use std::time::Duration;

use super::actor::Rates;
use super::ledger::Kind;
use super::run::{Run, Setup};
use super::swarm::Manner;

/// How often nodes had to connect to Redis anew.
const RECONNECTS: &str = "portcullis_bus_reconnects_total";
/// The stream that nodes read.
const STREAM: &str = "portcullis:journal";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_messages_change_nothing() {
    let run = Run::start("C23", Setup::nodes(2).unswept()).await;
    let scale = run.scale;
    run.gather(scale.count(40, 3_000), Manner::default()).await;
    // A real one, so that the stream is there with the fields that it has.
    let session = run.somebody_on(1);
    run.actor.end(&session, 0, "none").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let fields = run.newest_message().await;
    assert!(!fields.is_empty(), "the stream holds no message");
    run.act(Rates {
        revocations: 5.0,
        ..Rates::default()
    });
    let orders = orders_to_leave(&run, &fields).await;
    assert!(orders.len() >= 39, "{} orders", orders.len());
    let reconnects = run.metric(RECONNECTS).await;
    let until = run.ledger.now() + scale.seconds(3.0, 60.0);
    let mut sent = 0;
    while run.ledger.now() < until {
        let victims = run.actor.living();
        let mut commands: Vec<Vec<String>> = Vec::new();
        for number in 0..500 {
            let victim = &victims[number % victims.len()];
            commands.push(forged(&fields, &session.id, &victim.id, number));
        }
        commands.extend(orders.iter().cloned());
        sent += commands.len();
        run.redis.lock().await.say_all(&commands).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("{sent} forged messages; a real one has {fields:?}");
    let anew = run.metric(RECONNECTS).await - reconnects;
    assert!(anew < 1.0, "garbage ended {anew} connections to Redis");
    let logs = run.judge().await.clean(5);
    let states = logs.sockets.iter().flat_map(|socket| &socket.frames);
    let states = states.filter(|frame| frame.kind == Kind::State).count();
    assert_eq!(states, 0, "a forged message changed a state");
    let pushed_out = logs
        .sockets
        .iter()
        .filter(|socket| socket.ready.is_some() && socket.closed.is_some() && socket.code != Some(4001));
    assert_eq!(pushed_out.count(), 0, "a forged message closed a socket");
}

impl Run {
    /// Names and values of the stream's newest entry; none where there is no entry.
    async fn newest_message(&self) -> Vec<String> {
        let newest = ["XREVRANGE", STREAM, "+", "-", "COUNT", "1"];
        fields_of(&self.redis.lock().await.say(&newest).await)
    }

    /// Writes entries that are like the newest one, but for some digits, and garbage.
    pub async fn forge(&self, count: usize) {
        let fields = self.newest_message().await;
        let commands: Vec<Vec<String>> = (0..count)
            .map(|number| forged(&fields, "1", "2", number))
            .collect();
        if !fields.is_empty() {
            self.redis.lock().await.say_all(&commands).await;
        }
    }
}

/// Entries that tell each connection to leave, with the proof of another message. Whoever writes into Redis
/// reads there who is connected where.
async fn orders_to_leave(run: &Run, real: &[String]) -> Vec<Vec<String>> {
    const LIST: &str = "local out = {}
        for _, key in ipairs(redis.call('KEYS', 'portcullis:presence:user:*')) do
            for _, id in ipairs(redis.call('HKEYS', key)) do
                for _, node in ipairs(redis.call('SMEMBERS', 'portcullis:presence:nodes')) do
                    out[#out + 1] = node .. ' ' .. key:sub(26) .. ' ' .. id
                end
            end
        end
        return out";
    let said = run.redis.lock().await.say(&["EVAL", LIST, "0"]).await;
    let found = said.lines().filter(|line| line.split(' ').count() == 3);
    let order = |line: &str| {
        let mut ids = line.split(' ');
        let [node, user, connection] = [(); 3].map(|()| ids.next().unwrap());
        let text = serde_json::json!({ "k": "shed", "node": node, "user": user, "connection": connection });
        let words = [
            "XADD",
            STREAM,
            "*",
            &real[0],
            &text.to_string(),
            &real[2],
            &real[3],
        ];
        words.map(str::to_owned).to_vec()
    };
    found.map(order).collect()
}

/// Names and values of an entry, as `XREVRANGE` prints them.
fn fields_of(answer: &str) -> Vec<String> {
    let words = answer
        .lines()
        .filter(|line| !line.starts_with(['*', '$', '+', ':', '-']));
    // The first is the entry's id.
    words.skip(1).map(str::to_owned).collect()
}

/// An entry that is like the real one, with `new` for `old`; each third one is garbage.
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
