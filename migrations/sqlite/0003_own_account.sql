-- Links that change an address, take that back, or end a session. What a purpose is, the code says.
-- (SQLite drops a constraint only with its table; nothing points to this one.)
create table mailed_tokens_new (
    hash blob primary key,
    purpose text not null,
    user_id blob not null references users (id) on delete cascade,
    email text not null,
    -- what registration chose: it takes effect only if this token is redeemed
    password_hash text,
    name text,
    created_at integer not null,
    expires_at integer not null,
    -- the session that asked for it, or that it is about
    session_id blob
);
insert into mailed_tokens_new
    select hash, purpose, user_id, email, password_hash, name, created_at, expires_at, null from mailed_tokens;
drop table mailed_tokens;
alter table mailed_tokens_new rename to mailed_tokens;
create index mailed_tokens_user_id on mailed_tokens (user_id, purpose);

-- What a person has signed in from: a sign-in from elsewhere is told by mail.
create table known_devices (
    user_id blob not null references users (id) on delete cascade,
    -- what counts as one caller: the address, or the /64 of an IPv6 address
    network text not null,
    -- the program and the system that the User-Agent names, without versions
    agent text not null,
    first_seen_at integer not null,
    last_seen_at integer not null,
    primary key (user_id, network, agent)
);
create index known_devices_last_seen_at on known_devices (last_seen_at);
