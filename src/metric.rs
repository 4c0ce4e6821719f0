//! The names of all metrics, their kinds and meanings, and the values of their labels. Whoever measures takes
//! the name from here; `telemetry` describes every one of them and starts it at 0, but for those of requests, which
//! `http` starts, because it knows the routes. What is looked at when somebody reads them, `app::gauges` does.
//!
//! Durations are in seconds. Labels have few values, never an id or an address.

/// Requests by `method`, `route` and `status`. `http` starts those that its document knows; others are made as they occur.
pub const HTTP_REQUESTS: &str = "portcullis_http_requests_total";
/// Time from a request to its answer, by `method` and `route`. Its series begin as those of the requests.
pub const HTTP_REQUEST: &str = "portcullis_http_request_seconds";
/// From the commit of a revocation to the close frame of each of its sockets.
pub const REVOCATION_APPLY: &str = "portcullis_revocation_apply_seconds";
/// How old the oldest journal row is that this node has not applied.
pub const JOURNAL_LAG: &str = "portcullis_journal_lag";
/// Open sockets that the sweep found revoked. Must stay 0.
pub const ZOMBIE_SOCKETS: &str = "portcullis_zombie_sockets";
/// Sockets closed because their lease ran out.
pub const LEASE_EXPIRED: &str = "portcullis_lease_expired_total";
/// Closed sockets; label `code` is one of [`CLOSE_CODES`].
pub const CLOSE: &str = "portcullis_close_total";
/// Sockets that were told to come back later, because too many came at once.
pub const SOCKETS_SHED: &str = "portcullis_sockets_shed_total";
/// Connections that were closed because their address had as many as one address may have.
pub const CONNECTIONS_REFUSED: &str = "portcullis_connections_refused_total";
/// Sockets open on this node.
pub const CONNECTIONS: &str = "portcullis_connections";
/// How often the bus had to be connected again.
pub const BUS_RECONNECTS: &str = "portcullis_bus_reconnects_total";
/// Changes that could not be published to other nodes; the journal brings them all the same.
pub const BUS_PUBLISH_FAILURES: &str = "portcullis_bus_publish_failures_total";
/// Time that one password hash took, without the wait for its turn.
pub const PASSWORD_HASH: &str = "portcullis_password_hash_seconds";
/// Tries to sign in; label `outcome` is one of [`SIGN_IN_OUTCOMES`].
pub const SIGN_INS: &str = "portcullis_sign_ins_total";
/// Attempts to send a mail; label `outcome` is one of [`MAIL_OUTCOMES`].
pub const MAILS: &str = "portcullis_mails_total";
/// For how long the mail has waited that has waited longest.
pub const MAIL_LAG: &str = "portcullis_mail_lag";

/// Tries to refresh; label `outcome` is one of [`REFRESH_OUTCOMES`].
pub const REFRESHES: &str = "portcullis_refreshes_total";
/// Requests whose handler panicked, each answered 500.
pub const PANICS: &str = "portcullis_panics_total";
/// Time until a connection to the database was had, or was not.
pub const DATABASE_WAIT: &str = "portcullis_database_wait_seconds";
/// Connections to the database that are open; label `pool` is one of [`POOLS`].
pub const DATABASE_CONNECTIONS: &str = "portcullis_database_connections";
/// Those of them that are in use.
pub const DATABASE_BUSY: &str = "portcullis_database_connections_busy";
/// Password hashes that are computed.
pub const PASSWORDS_RUNNING: &str = "portcullis_passwords_running";
/// Password hashes that wait for a core.
pub const PASSWORDS_WAITING: &str = "portcullis_passwords_waiting";
/// Whether other nodes' changes arrive by themselves: 1, also where there is one node alone.
pub const BUS_UP: &str = "portcullis_bus_up";
/// For how long this node's sockets may live without hearing from SQL again.
pub const LEASE_LEFT: &str = "portcullis_lease_left_seconds";
/// How many sockets there may be on this node.
pub const CONNECTIONS_MAX: &str = "portcullis_connections_max";
/// Files that the process has open, sockets among them. 0 where the system does not say.
pub const OPEN_FILES: &str = "portcullis_open_files";
/// How many it may have.
pub const OPEN_FILES_MAX: &str = "portcullis_open_files_max";
/// Memory of the process that is in use. 0 where the system does not say.
pub const RESIDENT: &str = "portcullis_resident_bytes";
/// When the process started, in seconds since 1970.
pub const STARTED: &str = "portcullis_start_time_seconds";
/// 1; label `version` says which release runs.
pub const BUILD: &str = "portcullis_build_info";

/// Requests that a limit stopped; label `limit` is one of [`LIMITS`].
pub const LIMITED: &str = "portcullis_limited_total";

/// Every close code of the socket contract.
pub const CLOSE_CODES: &[&str] = &[
    "1000", "1001", "1006", "1011", "1012", "1013", "4001", "4002", "4003", "4005", "4006", "4101", "4102",
    "4103", "4104", "4201", "4203", "4204", "4206", "4207", "4301", "4302", "4303", "4304", "4306",
];

/// How a try to sign in ends: `ok`, or the public error code that answers it.
pub const SIGN_IN_OUTCOMES: &[&str] = &[
    "ok",
    "invalid_credentials",
    "account_inactive",
    "account_disabled",
    "access_denied",
    "provider_unavailable",
    "provider_refused",
    "email_unverified",
    "registration_closed",
    "token_spent",
    "conflict",
    "rate_limited",
    "overloaded",
    "unavailable",
    "internal",
];

/// How a try to refresh ends: `ok`, or the public error code that answers it.
pub const REFRESH_OUTCOMES: &[&str] = &[
    "ok",
    "invalid_token",
    "session_revoked",
    "refresh_reused",
    "rate_limited",
    "overloaded",
    "unavailable",
    "internal",
];

/// The pools of connections: the first four with PostgreSQL, the others with SQLite.
pub const POOLS: &[&str] = &["requests", "revocations", "tail", "watch", "writer", "readers"];

/// The release that runs.
pub const VERSION: &[&str] = &[env!("CARGO_PKG_VERSION")];

/// The limits of `limits`, by what they count. `mails:account` answers as ever and sends no mail; `sign_out:address` waits
/// for its turn.
pub const LIMITS: &[&str] = &[
    "sign_in:total",
    "sign_in:address",
    "sign_in:pair",
    "sign_in:browser",
    "sign_in:session",
    "sign_in:account",
    "sign_in:failures",
    "sign_in:spraying",
    "mails:total",
    "mails:address",
    "mails:pair",
    "mails:account",
    "token:total",
    "token:address",
    "sign_out:address",
    "sign_out:session",
];

/// How an attempt to send a mail ends.
pub const MAIL_OUTCOMES: &[&str] = &["sent", "postponed", "given_up"];

/// What a metric counts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    /// Seconds, in [`BUCKETS`].
    Histogram,
}

/// A metric and the series that it starts with.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    /// One line for whoever reads `/metrics`.
    pub help: &'static str,
    pub series: Series,
}

/// Which series exist from the start.
#[derive(Clone, Copy, Debug)]
pub enum Series {
    /// One, without labels.
    One,
    /// One for each value of a label.
    Each(&'static str, &'static [&'static str]),
    /// Those that somebody else begins.
    Later,
}

/// Upper bounds in seconds, from a fast close (1 ms) to the lease (30 s).
pub const BUCKETS: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
];

/// Every metric there is.
pub const ALL: &[Metric] = &[
    metric(
        HTTP_REQUESTS,
        Kind::Counter,
        "Requests by route, method and status",
        Series::Later,
    ),
    metric(
        HTTP_REQUEST,
        Kind::Histogram,
        "From a request to its answer, by route and method",
        Series::Later,
    ),
    metric(
        REVOCATION_APPLY,
        Kind::Histogram,
        "From the commit of a revocation to the close frame",
        Series::One,
    ),
    metric(
        JOURNAL_LAG,
        Kind::Gauge,
        "Age in seconds of the oldest journal row not applied on this node",
        Series::One,
    ),
    metric(
        ZOMBIE_SOCKETS,
        Kind::Gauge,
        "Open sockets that the sweep found revoked; must stay 0",
        Series::One,
    ),
    metric(
        LEASE_EXPIRED,
        Kind::Counter,
        "Sockets closed because their lease ran out",
        Series::One,
    ),
    metric(
        CLOSE,
        Kind::Counter,
        "Closed sockets by close code",
        Series::Each("code", CLOSE_CODES),
    ),
    metric(
        SOCKETS_SHED,
        Kind::Counter,
        "Sockets told to come back later, because too many came at once",
        Series::One,
    ),
    metric(
        CONNECTIONS_REFUSED,
        Kind::Counter,
        "Connections closed because their address had too many",
        Series::One,
    ),
    metric(CONNECTIONS, Kind::Gauge, "Sockets open on this node", Series::One),
    metric(
        BUS_RECONNECTS,
        Kind::Counter,
        "How often the bus had to be connected again",
        Series::One,
    ),
    metric(
        BUS_PUBLISH_FAILURES,
        Kind::Counter,
        "Changes that could not be published to other nodes",
        Series::One,
    ),
    metric(
        PASSWORD_HASH,
        Kind::Histogram,
        "Time of one password hash, without waiting",
        Series::One,
    ),
    metric(
        SIGN_INS,
        Kind::Counter,
        "Tries to sign in, with a password or a provider, by outcome",
        Series::Each("outcome", SIGN_IN_OUTCOMES),
    ),
    metric(
        REFRESHES,
        Kind::Counter,
        "Tries to refresh by outcome",
        Series::Each("outcome", REFRESH_OUTCOMES),
    ),
    metric(
        LIMITED,
        Kind::Counter,
        "Requests stopped by a limit",
        Series::Each("limit", LIMITS),
    ),
    metric(
        MAILS,
        Kind::Counter,
        "Attempts to send a mail by outcome",
        Series::Each("outcome", MAIL_OUTCOMES),
    ),
    metric(
        MAIL_LAG,
        Kind::Gauge,
        "Age in seconds of the mail that has waited longest in the outbox",
        Series::One,
    ),
    metric(
        PANICS,
        Kind::Counter,
        "Requests whose handler panicked",
        Series::One,
    ),
    metric(
        DATABASE_WAIT,
        Kind::Histogram,
        "Time until a connection to the database was had",
        Series::One,
    ),
    metric(
        DATABASE_CONNECTIONS,
        Kind::Gauge,
        "Open connections to the database by pool",
        Series::Each("pool", POOLS),
    ),
    metric(
        DATABASE_BUSY,
        Kind::Gauge,
        "Connections to the database in use by pool",
        Series::Each("pool", POOLS),
    ),
    metric(
        PASSWORDS_RUNNING,
        Kind::Gauge,
        "Password hashes that are computed",
        Series::One,
    ),
    metric(
        PASSWORDS_WAITING,
        Kind::Gauge,
        "Password hashes that wait for a core",
        Series::One,
    ),
    metric(
        BUS_UP,
        Kind::Gauge,
        "1 while other nodes' changes arrive by themselves",
        Series::One,
    ),
    metric(
        LEASE_LEFT,
        Kind::Gauge,
        "How long this node's sockets may live without hearing from SQL again",
        Series::One,
    ),
    metric(
        CONNECTIONS_MAX,
        Kind::Gauge,
        "How many sockets there may be on this node",
        Series::One,
    ),
    metric(
        OPEN_FILES,
        Kind::Gauge,
        "Files that the process has open, sockets among them",
        Series::One,
    ),
    metric(
        OPEN_FILES_MAX,
        Kind::Gauge,
        "How many files the process may have open",
        Series::One,
    ),
    metric(
        RESIDENT,
        Kind::Gauge,
        "Memory of the process that is in use",
        Series::One,
    ),
    metric(
        STARTED,
        Kind::Gauge,
        "When the process started, in seconds since 1970",
        Series::One,
    ),
    metric(
        BUILD,
        Kind::Gauge,
        "1, with the release that runs",
        Series::Each("version", VERSION),
    ),
];

const fn metric(name: &'static str, kind: Kind, help: &'static str, series: Series) -> Metric {
    Metric {
        name,
        kind,
        help,
        series,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_one_form_and_none_is_used_twice() {
        let mut names: Vec<&str> = ALL.iter().map(|metric| metric.name).collect();
        assert!(names.iter().all(|name| name.starts_with("portcullis_")));
        for metric in ALL {
            assert_eq!(
                metric.kind == Kind::Counter,
                metric.name.ends_with("_total"),
                "{}",
                metric.name
            );
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
