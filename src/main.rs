//! The program: allocator, cryptography, runtime, command line, exit code.

use std::process::ExitCode;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long work that cannot be cancelled may go on after the command has ended.
const LINGER: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    // The one cryptography of the process; an error says that it is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("portcullis: the runtime cannot start: {error}");
            return ExitCode::from(1);
        }
    };
    let code = runtime.block_on(portcullis::cli::run(std::env::args_os()));
    runtime.shutdown_timeout(LINGER);
    ExitCode::from(code)
}
