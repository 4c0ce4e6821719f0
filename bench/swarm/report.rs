//! What was measured, as a table for people and one line of JSON for programs.

use std::time::Duration;

use serde_json::json;

use super::clients::Logout;

/// The figures of one run.
pub struct Report {
    sockets: usize,
    trials: usize,
    bytes_per_socket: f64,
    joins_per_second: f64,
    closed: Vec<f64>,
    answered: Vec<f64>,
    unexpected: usize,
}

impl Report {
    pub fn new(sockets: usize, trials: usize) -> Self {
        let (closed, answered) = (Vec::new(), Vec::new());
        Self {
            sockets,
            trials,
            bytes_per_socket: 0.0,
            joins_per_second: 0.0,
            closed,
            answered,
            unexpected: 0,
        }
    }

    pub fn connected(&mut self, sockets: usize, took: Duration) {
        self.joins_per_second = number(sockets) / took.as_secs_f64();
    }

    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
    pub fn memory(&mut self, sockets: usize, bytes: u64) {
        self.bytes_per_socket = bytes as f64 / number(sockets);
    }

    pub fn logout(&mut self, took: &Logout) {
        self.closed.push(took.closed.as_secs_f64() * 1_000.0);
        self.answered.push(took.answered.as_secs_f64() * 1_000.0);
    }

    pub fn unexpected(&mut self, count: usize) {
        self.unexpected = count;
    }

    pub fn print(&mut self) {
        self.closed.sort_by(f64::total_cmp);
        self.answered.sort_by(f64::total_cmp);
        let kib = self.bytes_per_socket / 1024.0;
        println!(
            "{} idle sockets, {} forced logouts one after another\n",
            self.sockets, self.trials
        );
        println!("  resident memory of a socket      {kib:8.2} KiB");
        println!(
            "  sign-in, token, connect, ready   {:8.0} a second",
            self.joins_per_second
        );
        for (name, times) in [
            ("request to close frame", &self.closed),
            ("request to receipt", &self.answered),
        ] {
            let [p50, p99, max] = [0.5, 0.99, 1.0].map(|part| quantile(times, part));
            println!("  {name:<32} {p50:8.2} ms p50 {p99:8.2} ms p99 {max:8.2} ms max");
        }
        println!("  sockets lost without a reason    {:8}\n", self.unexpected);
        let figures = json!({
            "sockets": self.sockets,
            "bytes_per_socket": self.bytes_per_socket.round(),
            "joins_per_second": self.joins_per_second.round(),
            "logout_ms": { "p50": quantile(&self.closed, 0.5), "p99": quantile(&self.closed, 0.99), "max": quantile(&self.closed, 1.0) },
            "receipt_ms": { "p50": quantile(&self.answered, 0.5), "p99": quantile(&self.answered, 0.99), "max": quantile(&self.answered, 1.0) },
            "unexpected": self.unexpected,
        });
        println!("{figures}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn number(count: usize) -> f64 {
    count as f64
}

/// The value below which `part` of the sorted values lie; 0 when there are none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index into a short list"
)]
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((number(last) * part).round() as usize)
        .copied()
        .unwrap_or(0.0)
}
