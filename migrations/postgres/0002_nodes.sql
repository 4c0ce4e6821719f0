-- The nodes that serve sockets. Each writes its row every second.
create table nodes (
    id uuid primary key,
    -- the journal that it follows
    epoch text not null,
    address text not null,
    started_at bigint not null,
    -- the newest row of the journal that it has applied
    position bigint not null,
    -- what the last read that was fully applied has seen: a `pg_snapshot`
    seen text not null,
    seen_at bigint not null,
    -- no socket of it lives longer without another word from it; in the database's own time
    lease_until bigint not null,
    connections bigint not null
);

-- The transaction that revoked: a node whose `seen` holds it has applied it.
alter table revocations add column xid bigint not null default (pg_current_xact_id()::text::bigint);
alter table revocations add column epoch text not null default '';
