//! Programs that a scenario starts: as a user that may run them, and gone when the scenario is.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

/// Who runs PostgreSQL and Redis: PostgreSQL refuses root.
#[derive(Clone, Copy, Debug)]
struct User {
    uid: u32,
    gid: u32,
}

/// The user that servers run as; `None`: whoever runs the tests.
fn server_user() -> Option<User> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let uid = fields.next()?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User { uid, gid })
    };
    Some(
        find("postgres")
            .or_else(|| find("nobody"))
            .expect("a user to run servers as"),
    )
}

/// A folder that servers may write into; it goes with the value.
#[derive(Debug)]
pub struct ServerFolder(std::path::PathBuf);

impl ServerFolder {
    /// In /tmp whatever `TMPDIR` says: other users reach it, and the path of a unix socket stays short.
    pub fn new(name: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let path = format!("/tmp/portcullis-faults-{}-{number}-{name}", std::process::id());
        let path = std::path::PathBuf::from(path);
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        if let Some(user) = server_user() {
            std::os::unix::fs::chown(&path, Some(user.uid), Some(user.gid)).unwrap();
        }
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Writes a file that the servers may read.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.file(name);
        std::fs::write(&path, text).unwrap();
        if let Some(user) = server_user() {
            std::os::unix::fs::chown(&path, Some(user.uid), Some(user.gid)).unwrap();
        }
        path
    }
}

impl Drop for ServerFolder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A folder in `place` for the servers' user.
pub fn folder_in(place: &Path, name: &str) -> String {
    let path = place.join(name);
    std::fs::create_dir(&path).unwrap();
    if let Some(user) = server_user() {
        std::os::unix::fs::chown(&path, Some(user.uid), Some(user.gid)).unwrap();
    }
    path.display().to_string()
}

/// A command that runs `program` in `folder` as the servers' user, killed when this process dies.
pub fn server(program: impl AsRef<std::ffi::OsStr>, folder: &ServerFolder) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(user) = server_user() {
        command.arg(format!("--reuid={}", user.uid));
        command.arg(format!("--regid={}", user.gid));
        command.arg("--clear-groups");
    }
    command.args(["--pdeathsig=KILL", "--"]).arg(program);
    command.current_dir(folder.path()).stdin(Stdio::null());
    command.env_clear().env("PATH", std::env::var("PATH").unwrap());
    command.kill_on_drop(true);
    command
}

/// Sends `what` to a process; one that is gone hears nothing.
pub fn signal(process: u32, what: Signal) {
    if let Some(process) = Pid::from_raw(i32::try_from(process).unwrap()) {
        let _gone = kill_process(process, what);
    }
}

/// Every process below `root`, and `root` first.
pub fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        let process = found[next];
        for thread in threads(process) {
            let path = format!("/proc/{process}/task/{thread}/children");
            let children = std::fs::read_to_string(path).unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
        }
        next += 1;
    }
    found
}

/// The threads of a process; none when it is gone.
pub fn threads(process: u32) -> Vec<u32> {
    let listed = std::fs::read_dir(format!("/proc/{process}/task"));
    let entries = listed.into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Stops a process and all below it, in the middle of whatever they do.
pub fn freeze(root: u32) {
    // The root first: then it starts no others. What it had just started is found the second time.
    for _ in 0..2 {
        for process in tree(root) {
            signal(process, Signal::STOP);
        }
    }
}

/// Lets them go on.
pub fn thaw(root: u32) {
    for process in tree(root) {
        signal(process, Signal::CONT);
    }
}

/// What a process holds: resident memory in KiB, and open files. `None` when it is gone.
pub fn holds(process: u32) -> Option<(u64, usize)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let memory = line.trim().trim_end_matches(" kB").parse().ok()?;
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).ok()?.count();
    Some((memory, files))
}
