//! The coordinator's view of its client processes: what each is told, and what they heard together.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::member::{Heard, Invitation, Order, SignOut, SignedOut};

/// So that no process needs more open files than it may have.
const MEMBERS: usize = 2;

/// Client processes with their sockets.
pub struct Crowd {
    members: Vec<Member>,
    size: usize,
}

struct Member {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    size: usize,
    _killed_when_dropped: Child,
}

impl Crowd {
    pub fn gather() -> anyhow::Result<Self> {
        let members = (0..MEMBERS).map(|_| Member::start()).collect::<Result<_, _>>()?;
        Ok(Self { members, size: 0 })
    }

    /// How many sockets it has.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Connects everybody who is invited, shared out evenly.
    pub async fn join(
        &mut self,
        address: SocketAddr,
        path: &str,
        guests: Vec<Invitation>,
    ) -> anyhow::Result<()> {
        let share = guests.len().div_ceil(MEMBERS).max(1);
        let shares = guests.chunks(share);
        try_join_all(self.members.iter_mut().zip(shares).map(async |(member, guests)| {
            let order = Order::Join {
                address,
                path: path.to_owned(),
                invitations: guests.to_vec(),
            };
            member.size = member.tell(&order).await?;
            anyhow::Ok(())
        }))
        .await?;
        self.count();
        Ok(())
    }

    pub async fn mark(&mut self) -> anyhow::Result<()> {
        let told = self
            .members
            .iter_mut()
            .map(|member| member.tell::<()>(&Order::Mark));
        try_join_all(told).await.map(drop)
    }

    /// Waits until everybody has heard so many frames, or was closed; gives what they heard together.
    pub async fn hear(&mut self, frames_each: usize, close: bool) -> anyhow::Result<Heard> {
        let heard = try_join_all(self.members.iter_mut().map(async |member| {
            let frames = frames_each * member.size;
            let closes = if close { member.size } else { 0 };
            member.tell::<Heard>(&Order::Hear { frames, closes }).await
        }))
        .await?;
        let mut all = Heard::default();
        for heard in heard {
            all.frames.extend(heard.frames);
            all.closes.extend(heard.closes);
            all.length = heard.length;
        }
        Ok(all)
    }

    /// The youngest drop their connections until `stay` are left, of the larger members first.
    pub async fn shrink_to(&mut self, stay: usize) -> anyhow::Result<()> {
        let mut members: Vec<_> = self.members.iter_mut().collect();
        members.sort_by_key(|member| member.size);
        let (mut left, mut places) = (stay, members.len());
        for member in members {
            let keep = left.div_ceil(places).min(member.size);
            let order = Order::Leave {
                count: member.size - keep,
            };
            member.size = member.tell(&order).await?;
            (left, places) = (left - keep, places - 1);
        }
        self.count();
        Ok(())
    }

    /// Signs sessions of the first member out: one at a time is what is measured.
    pub async fn sign_out(&mut self, order: SignOut) -> anyhow::Result<SignedOut> {
        let member = self.members.first_mut().context("nobody is there")?;
        let times: SignedOut = member.tell(&Order::SignOut(order)).await?;
        member.size -= times.closed.len();
        self.count();
        Ok(times)
    }

    fn count(&mut self) {
        self.size = self.members.iter().map(|member| member.size).sum();
    }
}

impl Member {
    fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("member")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().context("no input")?;
        let output = BufReader::new(child.stdout.take().context("no output")?).lines();
        Ok(Self {
            input,
            output,
            size: 0,
            _killed_when_dropped: child,
        })
    }

    async fn tell<T: DeserializeOwned>(&mut self, order: &Order) -> anyhow::Result<T> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.input.write_all(&line).await?;
        let answer = self
            .output
            .next_line()
            .await?
            .context("a client process has ended")?;
        Ok(serde_json::from_str(&answer)?)
    }
}
