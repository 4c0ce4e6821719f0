-- The nodes that serve sockets: with SQLite one.
create table nodes (
    id blob primary key,
    -- the journal that it follows
    epoch text not null,
    address text not null,
    started_at integer not null,
    -- the newest row of the journal that it has applied
    position integer not null,
    -- what the last read that was fully applied has seen: a sequence
    seen text not null,
    seen_at integer not null,
    -- no socket of it lives longer without another word from it; in the database's own time
    lease_until integer not null,
    connections integer not null
);

-- Writers are serial here, and the sequence says who came first.
alter table revocations add column xid integer not null default 0;
alter table revocations add column epoch text not null default '';
