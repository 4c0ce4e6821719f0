//! What an operator is given: Compose files, the unit, rules and dashboard, the script that replaces hubs. Each is
//! read by the program that it is for, or held against what it speaks of.

mod monitoring;
mod roll_out;
mod settings;
mod systemd;

use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::support::source::root;

/// Runs a program in the project's folder.
async fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    output
        .await
        .unwrap_or_else(|error| panic!("{program}: {error}; scripts/install-test-tools installs it"))
}

/// As [`run`]; it must succeed. Gives what it printed.
async fn ask(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments).await;
    let said = [&output.stdout[..], &output.stderr[..]]
        .map(String::from_utf8_lossy)
        .concat();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn compose_files_and_workflows_are_what_their_schemas_say() {
    ask("scripts/python-tool", &["deploy_files", "schemas"]).await;
}
