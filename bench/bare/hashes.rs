//! argon2id as fast as this machine can: a thread for each core, each with memory that it takes once.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use portcullis::config::Passwords;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// Hashes with the hub's default parameters for `time`, and prints the rate and the processor time of one.
pub fn run(time: Duration) -> anyhow::Result<()> {
    let passwords = Passwords::default();
    let params = Params::new(
        passwords.memory_kib,
        passwords.iterations,
        passwords.parallelism,
        Some(32),
    );
    let params = params.map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
    let cores = std::thread::available_parallelism()?.get();
    let began = Instant::now();
    let hashes: u32 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| scope.spawn(|| hash_until(&params, began, time)))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(0)).sum()
    });
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let cpu = Duration::new(cpu.tv_sec.try_into()?, cpu.tv_nsec.try_into()?);
    let line = json!({
        "per_second": f64::from(hashes) / began.elapsed().as_secs_f64(),
        "cpu_us": cpu.as_secs_f64() * 1e6 / f64::from(hashes.max(1)),
    });
    println!("{line}");
    Ok(())
}

fn hash_until(params: &Params, began: Instant, time: Duration) -> u32 {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let mut memory = vec![Block::default(); params.block_count()];
    let mut out = [0; 32];
    let mut hashes = 0;
    while began.elapsed() < time {
        let done = argon2.hash_password_into_with_memory(
            b"a password for the bench",
            b"sixteen bytes ok",
            &mut out,
            &mut memory,
        );
        if done.is_err() {
            return 0;
        }
        hashes += 1;
    }
    hashes
}
