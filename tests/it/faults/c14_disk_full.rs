//! C14: the disk of the database is full. Nothing is acknowledged that was not written, nothing is
//! corrupted, and it goes on by itself once there is room.
//!
//! A small disk is mounted for it, which takes the right to mount: as root, or in a container.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{Connection, Row, SqliteConnection};

use super::ledger::{Selector, What};
use super::postgres::Postgres;
use super::run::{Run, Setup};
use super::swarm::Manner;
use crate::support::database::Folder;
use crate::support::people::PASSWORD;

/// A small disk of its own, gone with the value.
struct Disk(Folder);

impl Disk {
    /// `None` where nothing may be mounted.
    fn of(megabytes: u32) -> Option<Self> {
        let folder = Folder::new();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={megabytes}m,mode=0777"),
                "tmpfs",
            ])
            .arg(folder.path())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            println!("C14 was not run: nothing may be mounted here");
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no room.
    fn fill(&self) {
        use std::io::Write;
        let mut ballast = std::fs::File::create(self.path().join("ballast")).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    fn clear(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Registers people and ends sessions: each is done, or refused in so many words.
async fn act(run: &Run, count: usize) -> (usize, usize) {
    let (mut good, mut refused) = (0, 0);
    for number in 0..count {
        let email = format!("newcomer{number}@example.org");
        let body = json!({ "email": email, "password": PASSWORD });
        let register = run.hub.post(0, "/api/users", "", &body).await;
        run.ledger.act(register.act(What::Register { email }));
        let living = run.actor.living();
        let session = living[number % living.len()].id.clone();
        let body = json!({ "session_id": session, "reason": "faults" });
        let order = run.hub.post(0, "/api/revocations", &run.hub.key, &body).await;
        let selector = Selector::Session(session);
        run.ledger.act(order.act(What::Revoke {
            selector,
            everywhere: false,
        }));
        for reply in [register, order] {
            match reply.status {
                200..300 => good += 1,
                503 | 507 => refused += 1,
                status => panic!("{status}: {:?}", reply.body),
            }
        }
    }
    (good, refused)
}

/// Fills the disk, clears it, and looks whether a logout goes through again.
async fn full_then_not(run: &Run, disk: &Disk) {
    disk.fill();
    let (good, refused) = act(run, 40).await;
    println!("{good} were written, {refused} refused");
    assert!(refused > 0, "the disk was not full");
    disk.clear();
    let began = Instant::now();
    let last = run.actor.living().pop().unwrap();
    while !run.actor.try_end(&last, 0, "local").await {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "there is room again, and nobody notices"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_without_room_acknowledges_nothing() {
    let Some(disk) = Disk::of(24) else {
        return;
    };
    let url = format!("sqlite://{}", disk.path().join("portcullis.db").display());
    let run = Run::start("C14, SQLite", Setup::nodes(1).sqlite(&url)).await;
    run.gather(45, Manner::default()).await;
    full_then_not(&run, &disk).await;
    run.judge().await.clean(1);
    let mut sql = SqliteConnection::connect(&url).await.unwrap();
    let checked = sqlx::query("pragma integrity_check").fetch_one(&mut sql).await;
    assert_eq!(checked.unwrap().get::<String, _>(0), "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tablespace_without_room_acknowledges_nothing() {
    let Some(disk) = Disk::of(24) else {
        return;
    };
    let run = Run::start("C14, PostgreSQL", Setup::nodes(1).own_postgres()).await;
    run.gather(45, Manner::default()).await;
    let postgres = run.postgres.as_ref().unwrap();
    let place = Postgres::folder_on(disk.path());
    for sql in [
        &format!("create tablespace small location '{place}'"),
        "alter table all in tablespace pg_default set tablespace small",
        "alter index all in tablespace pg_default set tablespace small",
        "checkpoint",
    ] {
        postgres.execute(sql).await;
    }
    full_then_not(&run, &disk).await;
    run.judge().await.clean(1);
}
