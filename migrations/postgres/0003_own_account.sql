-- Links that change an address, take that back, or end a session. What a purpose is, the code says.
alter table mailed_tokens drop constraint mailed_tokens_purpose_check;
-- the session that asked for it, or that it is about
alter table mailed_tokens add column session_id uuid;

-- What a person has signed in from: a sign-in from elsewhere is told by mail.
create table known_devices (
    user_id uuid not null references users (id) on delete cascade,
    -- what counts as one caller: the address, or the /64 of an IPv6 address
    network text not null,
    -- the program and the system that the User-Agent names, without versions
    agent text not null,
    first_seen_at bigint not null,
    last_seen_at bigint not null,
    primary key (user_id, network, agent)
);
create index known_devices_last_seen_at on known_devices (last_seen_at);
