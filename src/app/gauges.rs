//! Metrics that are not counted as things happen, but looked at when somebody reads them.

use metrics::gauge;
use rustix::process::{Resource, getrlimit};

use super::App;
use crate::metric;

/// Looks at everything that can be looked at without waiting.
pub(super) fn look(app: &App) {
    let (hub, cx) = (&app.cx.hub, &app.cx);
    for (pool, open, busy) in cx.db.load() {
        gauge!(metric::DATABASE_CONNECTIONS, "pool" => pool).set(f64::from(open));
        gauge!(metric::DATABASE_BUSY, "pool" => pool).set(f64::from(busy));
    }
    let (running, waiting) = app.hasher.load();
    set(metric::PASSWORDS_RUNNING, running);
    set(metric::PASSWORDS_WAITING, waiting);
    set(metric::BUS_UP, usize::from(hub.bus().is_up()));
    gauge!(metric::LEASE_LEFT).set(hub.lease_left().as_secs_f64());
    set(metric::CONNECTIONS_MAX, hub.limits().connections);
    set(metric::OPEN_FILES, open_files());
    let most = getrlimit(Resource::Nofile).current.unwrap_or(0);
    set(
        metric::OPEN_FILES_MAX,
        usize::try_from(most).unwrap_or(usize::MAX),
    );
    set(metric::RESIDENT, resident());
    set(metric::STARTED, app.started);
    gauge!(metric::BUILD, "version" => metric::VERSION[0]).set(1.0);
}

fn set(name: &'static str, value: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a metric is a f64, exact up to 2^53")]
    gauge!(name).set(value as f64);
}

/// 0 where the system keeps no such list.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// In bytes; 0 where the system does not say.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages
        .as_deref()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<usize>().ok());
    pages.unwrap_or(0) * rustix::param::page_size()
}
