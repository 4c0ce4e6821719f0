//! The lists in Redis. Under `{prefix}:presence:`
//!
//! - `user:<id>`: a hash of the user's connections on all nodes (`entry.rs`);
//! - `node:<id>`: the users that the node has connections of, and a `-`: while it exists, nothing was lost;
//! - `nodes`: who has such a list; `reap:<id>`: who clears up after a dead node.
//!
//! Everything expires by itself. Nothing that is found here is believed without its proof, and what is
//! found in the way is removed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Live, entry};
use crate::hub::redis::{Away, Link};
use crate::hub::registry::Socket;
use crate::ids::{ConnectionId, NodeId, UserId};

/// How long an entry is good.
const LIFE: Duration = Duration::from_secs(90);
/// How long it is known which users a dead node had.
const NODE_LIFE: Duration = Duration::from_mins(10);
/// How long one node has for clearing up after another before somebody else tries.
const REAP_WITHIN: Duration = Duration::from_secs(30);
/// How many notes may wait. Beyond it everything is announced anew.
const NOTES: usize = 8_192;
/// How many users are looked at in one go.
const USERS: usize = 100;
/// How many times [`USERS`] a node has at most.
const ROUNDS: usize = 10_000;
/// More entries than this are none of ours: the list is thrown away.
const ENTRIES: usize = 10_000;

/// Makes room where somebody else put something of another type.
const MAKE_ROOM: &str = r"
local function make_room(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end
";
/// KEYS: the node's users, then one user's list for each connection. ARGV: how long the node's list and
/// the users' live, then user, connection and entry of each. Answers how many each list has.
const ANNOUNCE: &str = r"
make_room(KEYS[1], 'set')
local counts = {}
for i = 2, #KEYS do
  local at = 3 * i - 3
  make_room(KEYS[i], 'hash')
  redis.call('SADD', KEYS[1], ARGV[at])
  redis.call('HSET', KEYS[i], ARGV[at + 1], ARGV[at + 2])
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
  counts[i - 1] = redis.call('HLEN', KEYS[i])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return counts
";
/// KEYS: users' lists. ARGV: the most entries that are believed. Answers Redis' time and each list.
const READ: &str = r"
local time = redis.call('TIME')
local lists = {}
for i, key in ipairs(KEYS) do
  make_room(key, 'hash')
  if redis.call('HLEN', key) > tonumber(ARGV[1]) then redis.call('DEL', key) end
  lists[i] = redis.call('HGETALL', key)
end
return {time[1] * 1000 + math.floor(time[2] / 1000), lists}
";
/// KEYS: users' lists. ARGV: connection and entry for each. Removes those that are still the same.
const FORGET: &str = r"
for i, key in ipairs(KEYS) do
  if redis.pcall('HGET', key, ARGV[2 * i - 1]) == ARGV[2 * i] then
    redis.call('HDEL', key, ARGV[2 * i - 1])
  end
end
";
/// KEYS: the node's users, the nodes. ARGV: the node, how long both live. Answers Redis' time, whether the
/// node's list was there, and some nodes.
const CHECK_IN: &str = r"
make_room(KEYS[1], 'set')
make_room(KEYS[2], 'set')
local known = redis.call('EXISTS', KEYS[1])
redis.call('SADD', KEYS[1], '-')
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
local time = redis.call('TIME')
return {time[1] * 1000 + math.floor(time[2] / 1000), known, redis.call('SRANDMEMBER', KEYS[2], 64)}
";

/// Connection and entry, one after the other, as `HGETALL` gives them.
type Fields = Vec<Vec<u8>>;

/// What a node learns when it checks in.
pub(super) struct CheckIn {
    /// Milliseconds of Redis' clock.
    pub(super) time: i64,
    /// Whether Redis still has what this node announced.
    pub(super) known: bool,
    pub(super) nodes: Vec<NodeId>,
}

/// This node's hand on the lists.
#[derive(Debug)]
pub struct Lists {
    link: Link,
    node: NodeId,
    notes: mpsc::Sender<Arc<Socket>>,
    inbox: Mutex<Option<mpsc::Receiver<Arc<Socket>>>>,
    /// A note did not fit.
    missed: AtomicBool,
}

impl Lists {
    pub(super) fn new(link: Link, node: NodeId) -> Self {
        let (notes, inbox) = mpsc::channel(NOTES);
        Self {
            link,
            node,
            notes,
            inbox: Mutex::new(Some(inbox)),
            missed: AtomicBool::new(false),
        }
    }

    /// Something became of `socket`: its entry is due.
    pub(super) fn note(&self, socket: &Arc<Socket>) {
        if self.notes.try_send(Arc::clone(socket)).is_err() {
            self.missed.store(true, Ordering::SeqCst);
        }
    }

    /// Where the notes arrive: for one task.
    pub(super) fn take_inbox(&self) -> Option<mpsc::Receiver<Arc<Socket>>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether a note was lost since this was asked last.
    pub(super) fn take_missed(&self) -> bool {
        self.missed.swap(false, Ordering::SeqCst)
    }

    pub(super) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Says that this node is here.
    pub(super) async fn check_in(&self) -> Result<CheckIn, Away> {
        let keys = [self.node_key(self.node), self.nodes_key()];
        let mut call = script(CHECK_IN, &keys);
        call.arg(self.node.to_string()).arg(millis(NODE_LIFE));
        let (time, known, nodes): (i64, i64, Vec<Vec<u8>>) = self.call(call).await?;
        let nodes = nodes
            .iter()
            .filter_map(|id| std::str::from_utf8(id).ok()?.parse().ok());
        Ok(CheckIn {
            time,
            known: known == 1,
            nodes: nodes.collect(),
        })
    }

    /// Writes entries that are good from `time` on; answers how many connections each list has.
    pub(super) async fn announce(&self, present: &[(UserId, Live)], time: i64) -> Result<Vec<usize>, Away> {
        let expiry = time.saturating_add(millis(LIFE));
        let users = present.iter().map(|(user, _)| self.user_key(*user));
        let keys: Vec<_> = std::iter::once(self.node_key(self.node)).chain(users).collect();
        let mut call = script(ANNOUNCE, &keys);
        call.arg(millis(NODE_LIFE)).arg(millis(LIFE));
        for (user, live) in present {
            let entry = entry::write(&self.link, *user, live, expiry);
            call.arg(user.to_string())
                .arg(live.connection.to_string())
                .arg(entry);
        }
        self.call(call).await
    }

    /// Removes connections of this node; `left`: users that have no other here.
    pub(super) async fn withdraw(
        &self,
        gone: &[(UserId, ConnectionId)],
        left: &[UserId],
    ) -> Result<(), Away> {
        let mut commands = redis::pipe();
        // A list of another type is made room for when it is announced or read; here it is no obstacle.
        commands.ignore_errors();
        for (user, connection) in gone {
            commands
                .cmd("HDEL")
                .arg(self.user_key(*user))
                .arg(connection.to_string());
        }
        for user in left {
            commands
                .cmd("SREM")
                .arg(self.node_key(self.node))
                .arg(user.to_string());
        }
        let _answers: Vec<redis::Value> = self.link.call(&commands).await?;
        Ok(())
    }

    /// The connections of each user, and removes what is over or forged.
    pub(super) async fn read(&self, users: &[UserId]) -> Result<Vec<Vec<Live>>, Away> {
        let mut present = Vec::with_capacity(users.len());
        for users in users.chunks(USERS) {
            let (lists, junk) = self.sort_out(users, |_, _| true).await?;
            self.forget(&junk).await?;
            present.extend(lists);
        }
        Ok(present)
    }

    /// The users that the nodes which `counts` have connections of.
    pub(super) async fn users(&self, counts: impl Fn(NodeId) -> bool) -> Result<Vec<UserId>, Away> {
        fn read<T: std::str::FromStr>(ids: &[Vec<u8>]) -> impl Iterator<Item = T> {
            ids.iter()
                .filter_map(|id| std::str::from_utf8(id).ok()?.parse().ok())
        }
        let mut all = redis::cmd("SMEMBERS");
        all.arg(self.nodes_key());
        let nodes: Vec<Vec<u8>> = self.call(all).await?;
        let mut users = Vec::new();
        for node in read::<NodeId>(&nodes).filter(|node| counts(*node)) {
            let mut of_node = redis::cmd("SMEMBERS");
            of_node.arg(self.node_key(node));
            let named: Vec<Vec<u8>> = self.call(of_node).await?;
            users.extend(read::<UserId>(&named));
        }
        Ok(users)
    }

    /// Removes the entries that name `node`, but for those that `keep` has a use for, and then the list of
    /// its users. The nodes' list is left to the caller.
    pub(super) async fn clear(
        &self,
        node: NodeId,
        keep: impl Fn(UserId, ConnectionId) -> bool,
    ) -> Result<(), Away> {
        let key = self.node_key(node);
        for _ in 0..ROUNDS {
            let mut some = redis::cmd("SRANDMEMBER");
            some.arg(&key).arg(USERS);
            let named: Vec<Vec<u8>> = self.call(some).await?;
            let named: Vec<_> = named.into_iter().filter(|id| id != b"-").collect();
            if named.is_empty() {
                return Ok(());
            }
            let users = named
                .iter()
                .filter_map(|id| std::str::from_utf8(id).ok()?.parse().ok());
            let users: Vec<UserId> = users.collect();
            let wanted = |user, live: &Live| live.node != node || keep(user, live.connection);
            let (_, junk) = self.sort_out(&users, wanted).await?;
            self.forget(&junk).await?;
            let mut done = redis::cmd("SREM");
            done.arg(&key).arg(named);
            let _count: i64 = self.call(done).await?;
        }
        Ok(())
    }

    /// Clears up after a dead node, unless another node does already.
    pub(super) async fn reap(&self, dead: NodeId) -> Result<(), Away> {
        let mut claim = redis::cmd("SET");
        claim.arg(self.link.key(&format!("presence:reap:{dead}")));
        claim
            .arg(self.node.to_string())
            .arg("NX")
            .arg("PX")
            .arg(millis(REAP_WITHIN));
        if !self.call::<bool>(claim).await? {
            return Ok(());
        }
        self.clear(dead, |_, _| false).await?;
        let mut commands = redis::pipe();
        commands.cmd("DEL").arg(self.node_key(dead)).ignore();
        commands
            .cmd("SREM")
            .arg(self.nodes_key())
            .arg(dead.to_string())
            .ignore();
        self.link.call(&commands).await
    }

    /// Reads lists: the entries that are good and `wanted`, and what is to be removed.
    async fn sort_out(
        &self,
        users: &[UserId],
        wanted: impl Fn(UserId, &Live) -> bool,
    ) -> Result<(Vec<Vec<Live>>, Vec<(UserId, Fields)>), Away> {
        if users.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let keys: Vec<_> = users.iter().map(|user| self.user_key(*user)).collect();
        let mut call = script(READ, &keys);
        call.arg(ENTRIES);
        let (time, lists): (i64, Vec<Fields>) = self.call(call).await?;
        // Further away than any entry was ever written: Redis' clock went back.
        let good = time..=time.saturating_add(2 * millis(LIFE));
        let mut junk = Vec::new();
        let mut sorted = Vec::with_capacity(users.len());
        for (user, fields) in users.iter().zip(&lists) {
            let mut kept = Vec::new();
            for field in fields.chunks_exact(2) {
                match entry::read(&self.link, *user, &field[0], &field[1]) {
                    Some((live, expiry)) if good.contains(&expiry) && wanted(*user, &live) => kept.push(live),
                    _ => junk.push((*user, field.to_vec())),
                }
            }
            sorted.push(kept);
        }
        Ok((sorted, junk))
    }

    /// Removes entries, unless they were written anew meanwhile.
    async fn forget(&self, junk: &[(UserId, Fields)]) -> Result<(), Away> {
        for junk in junk.chunks(USERS) {
            let keys: Vec<_> = junk.iter().map(|(user, _)| self.user_key(*user)).collect();
            let mut call = script(FORGET, &keys);
            for (_, fields) in junk {
                call.arg(fields);
            }
            let _nothing: redis::Value = self.call(call).await?;
        }
        Ok(())
    }

    async fn call<T: redis::FromRedisValue>(&self, call: redis::Cmd) -> Result<T, Away> {
        let mut commands = redis::pipe();
        commands.add_command(call);
        let (answer,) = self.link.call::<(T,)>(&commands).await?;
        Ok(answer)
    }

    fn user_key(&self, user: UserId) -> String {
        self.link.key(&format!("presence:user:{user}"))
    }

    fn node_key(&self, node: NodeId) -> String {
        self.link.key(&format!("presence:node:{node}"))
    }

    fn nodes_key(&self) -> String {
        self.link.key("presence:nodes")
    }
}

fn script(text: &str, keys: &[String]) -> redis::Cmd {
    let mut call = redis::cmd("EVAL");
    call.arg(format!("{MAKE_ROOM}{text}")).arg(keys.len()).arg(keys);
    call
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
