//! The README's walk, literally: each of its shell blocks goes into bash, and what the README shows must be
//! printed. Three things differ from a newcomer's machine: `cargo run` starts the program that is built
//! already, the port is a free one, and what a person pastes is pasted here.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::support::database::{Folder, fresh};
use crate::support::eventually;
use crate::support::http::Caller;
use crate::support::source::{read, root};

/// The address that the README speaks of.
const ADDRESS: &str = "127.0.0.1:8080";
/// How long a line may take: less than the harness waits, to say what was printed instead.
const PATIENCE: Duration = Duration::from_secs(15);
/// What stands for anything in what the README shows.
const ANYTHING: &str = "…";

/// What is typed, and every text that the README shows as printed by it.
#[derive(Debug)]
struct Step {
    typed: String,
    shown: Vec<String>,
}

fn readme() -> String {
    read("README.md")
}

/// The blocks of a section.
fn blocks(title: &str) -> Vec<Step> {
    let readme = readme();
    let section = readme.split(&format!("\n## {title}\n")).nth(1).unwrap();
    let section = section.split("\n##").next().unwrap();
    let mut steps: Vec<Step> = Vec::new();
    for block in section.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        match language {
            "sh" => steps.push(Step {
                typed: text.to_owned(),
                shown: Vec::new(),
            }),
            "text" | "json" => steps.last_mut().unwrap().shown.push(text.to_owned()),
            other => panic!("{title} has a block of {other}"),
        }
    }
    steps
}

/// Whether `line` is what `shown` says, `…` standing for anything.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let mut pieces = shown.split(ANYTHING);
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut whole = rest.is_empty();
    for piece in pieces {
        if piece.is_empty() {
            return true;
        }
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        whole = rest.is_empty();
    }
    whole
}

/// A terminal: a shell, and what it has printed.
struct Terminal {
    shell: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<Vec<String>>>,
    steps: usize,
}

impl Terminal {
    fn open(folder: &Path, variables: &[(&str, String)]) -> Self {
        let path = format!(
            "{}:{}",
            folder.join("bin").display(),
            std::env::var("PATH").unwrap()
        );
        let mut shell = Command::new("bash")
            .env_clear()
            .env("PATH", path)
            .envs(variables.iter().map(|(name, value)| (*name, value.as_str())))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (screen, mut lines) = (
            Arc::default(),
            BufReader::new(shell.stdout.take().unwrap()).lines(),
        );
        let print = Arc::clone(&screen);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let screen: &Mutex<Vec<String>> = &print;
                screen.lock().unwrap().push(line);
            }
        });
        Self {
            keys: shell.stdin.take().unwrap(),
            shell,
            screen,
            steps: 0,
        }
    }

    async fn type_in(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).await.unwrap();
        self.keys.write_all(b"\n").await.unwrap();
    }

    /// Waits until each line of `shown` has been printed after line `from`, as often as it is shown; gives
    /// what matched the last.
    async fn shows(&self, from: usize, shown: &str) -> String {
        let lines: Vec<&str> = shown.lines().collect();
        let mut last = String::new();
        for (at, shown) in lines.iter().enumerate() {
            let before = lines[..at].iter().filter(|line| *line == shown).count();
            let printed = eventually("what the README shows", || async {
                let screen = self.screen.lock().unwrap();
                let mut same = screen[from..].iter().filter(|line| is_as_shown(line, shown));
                same.nth(before).cloned()
            });
            last = tokio::time::timeout(PATIENCE, printed).await.unwrap_or_else(|_| {
                let screen = self.screen.lock().unwrap();
                panic!(
                    "the README shows\n{shown}\nbut printed was\n{}",
                    screen[from..].join("\n")
                )
            });
        }
        last
    }

    /// Types a block and waits for what it shows, and for its end.
    async fn run(&mut self, step: &Step, address: &str) {
        let from = self.screen.lock().unwrap().len();
        self.steps += 1;
        let end = format!("-- step {} --", self.steps);
        self.type_in(&step.typed.replace(ADDRESS, address)).await;
        self.type_in(&format!("echo '{end}'")).await;
        self.shows(from, &end).await;
        for shown in &step.shown {
            self.shows(from, &shown.replace(ADDRESS, address)).await;
        }
    }
}

/// With the shell goes what runs in it.
impl Drop for Terminal {
    fn drop(&mut self) {
        let group = self
            .shell
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = group {
            let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// A `cargo` that knows one command, `run`, and has built everything already.
async fn put_cargo(folder: &Path) {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_portcullis"));
    let target = program.parent().unwrap();
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--locked", "--example", "watch"])
        .arg("--target-dir")
        .arg(target.parent().unwrap())
        .current_dir(root());
    if target.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().await.unwrap().success());
    let script = format!(
        "#!/usr/bin/env bash\n\
        [ \"$1\" = run ] && shift || exit 101\n\
        [ \"$1\" = -q ] && shift\n\
        program='{}'\n\
        if [ \"$1\" = --example ]; then program=\"{}/$2\"; shift 2; fi\n\
        [ \"$1\" = -- ] && shift\n\
        exec \"$program\" \"$@\"\n",
        program.display(),
        target.join("examples").display()
    );
    let bin = folder.join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("cargo"), script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(bin.join("cargo"), mode).unwrap();
}

#[tokio::test]
async fn the_walk_of_the_readme_prints_what_the_readme_shows() {
    let folder = Folder::new();
    put_cargo(folder.path()).await;
    let variables = [
        ("DATABASE_URL", fresh(&folder).await),
        ("PORTCULLIS_HTTP__LISTEN", "127.0.0.1:0".to_owned()),
        ("PORTCULLIS_METRICS__LISTEN", String::new()),
    ];
    let mut steps = blocks("A first walk").into_iter();
    assert!(steps.len() > 10, "the walk was found");

    let start = steps.next().unwrap();
    assert_eq!(start.typed.trim(), "cargo run");
    let mut first = Terminal::open(folder.path(), &variables);
    first.type_in(&start.typed).await;
    let listening = first.shows(0, &format!("listening on http://{ANYTHING}")).await;
    let address = listening.rsplit('/').next().unwrap().to_owned();
    let shown = start.shown[0].replace(ADDRESS, &address);
    let setup = first.shows(0, shown.trim_end()).await;
    let setup = setup
        .split_whitespace()
        .find(|word| word.starts_with("http"))
        .unwrap();

    let mut second = Terminal::open(folder.path(), &variables);
    let hub = Caller::new(address.parse().unwrap());
    for step in steps {
        // What a person sees before typing on.
        if step.typed.contains("mailbox.json") {
            hub.mail_to("ada@example.org", 1).await;
        }
        if step.typed.starts_with("read -r") {
            second.type_in(step.typed.trim_end()).await;
            second.type_in(setup).await;
            continue;
        }
        second.run(&step, &address).await;
    }
}

#[tokio::test]
async fn five_commands_lead_to_a_forced_logout() {
    let folder = Folder::new();
    put_cargo(folder.path()).await;
    let address = crate::support::free_address().await.to_string();
    let variables = [
        ("DATABASE_URL", fresh(&folder).await),
        ("PORTCULLIS_HTTP__LISTEN", address.clone()),
        ("PORTCULLIS_METRICS__LISTEN", String::new()),
    ];
    let steps = blocks("Five commands");
    assert_eq!(steps.len(), 5);
    assert!(steps[0].typed.starts_with("git clone "), "this is the clone");
    let mut terminal = Terminal::open(folder.path(), &variables);
    for step in &steps[1..] {
        assert_eq!(step.typed.trim().lines().count(), 1, "{step:?}");
        terminal.run(step, &address).await;
    }
}

#[test]
fn what_the_readme_shows_is_compared_whole() {
    for (line, shown, same) in [
        ("abc", "abc", true),
        ("abc", "ab", false),
        ("abc", "bc", false),
        ("abc", "a…", true),
        ("abc", "a…c", true),
        ("abcd", "a…c", false),
        ("abc", "a…x", false),
    ] {
        assert_eq!(is_as_shown(line, shown), same, "{line} against {shown}");
    }
}

/// Links to files, and names of files and folders between backticks. `portcullis.toml` is the operator's own.
#[test]
fn every_file_that_a_document_names_exists() {
    let mut documents = vec![
        root().join("README.md"),
        root().join("CHANGELOG.md"),
        root().join("CONTRIBUTING.md"),
    ];
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        documents.push(entry.unwrap().path());
    }
    let mut faults = Vec::new();
    let is_text = |path: &&PathBuf| path.is_file() && path.extension().is_none_or(|kind| kind != "png");
    for document in documents.iter().filter(is_text) {
        let text = std::fs::read_to_string(document).unwrap();
        let named = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let links = named.filter(|link| !link.contains("://") && !link.starts_with('#'));
        let linked = links.map(|link| document.with_file_name(link.split('#').next().unwrap()));
        let missing = linked.filter(|path| !path.exists());
        faults.extend(missing.map(|path| format!("{}: {}", document.display(), path.display())));
        for path in text.split('`').skip(1).step_by(2).filter(|code| is_path(code)) {
            // The architecture speaks of modules: `http/router.rs` is in `src`.
            let there = [root().join(path), root().join("src").join(path)];
            if !there.iter().any(|path| path.exists()) {
                faults.push(format!("{}: {path}", document.display()));
            }
        }
    }
    assert!(faults.is_empty(), "there is no such file:\n{}", faults.join("\n"));
}

fn is_path(code: &str) -> bool {
    let plain = code
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let extensions = [".rs", ".md", ".toml", ".sql", ".html"];
    plain
        && code != "portcullis.toml"
        && !code.contains("NNNN")
        && !code.starts_with('/')
        && (extensions.iter().any(|ending| code.ends_with(ending)) || code.ends_with('/'))
}
