//! Which process of PostgreSQL answers. It lives exactly as long as a connection, and none outlives a crash of
//! the database: who is answered by one that was there before knows that there was no crash in between.

/// The process behind this connection, as an SQL expression of type text that no other process ever has.
macro_rules! backend {
    () => {
        "(select pid || '@' || backend_start::text from pg_stat_get_activity(pg_backend_pid()))"
    };
}

pub(super) use backend;
