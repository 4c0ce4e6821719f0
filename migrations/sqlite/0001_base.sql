-- Times are microseconds since 1970 in UTC, identifiers UUID v7 (16 bytes), lists JSON text: the same values in
-- both databases, so that one SQL text serves both.

create table meta (
    key text primary key,
    value text not null
);

create table roles (
    name text primary key,
    permissions text not null,
    created_at integer not null,
    updated_at integer not null
);

create table users (
    id blob primary key,
    email text not null unique,
    email_verified boolean not null,
    name text,
    locale text,
    avatar_url text,
    status text not null check (status in ('pending', 'active', 'disabled')),
    site_role text not null references roles (name),
    -- grows by one with each change of the auth state; never goes back
    version integer not null,
    password_hash text,
    -- when an activation mail was last sent again on demand: at most once a minute
    activation_resent_at integer,
    created_at integer not null,
    updated_at integer not null
);
create index users_site_role on users (site_role);
create index users_created_at on users (created_at, id);

create table sessions (
    id blob primary key,
    -- no foreign key: a tombstone outlives its user
    user_id blob not null,
    created_at integer not null,
    -- when credentials were last proven, and how: `auth_time` and `amr` of the tokens
    authenticated_at integer not null,
    amr text not null,
    last_seen_at integer not null,
    idle_expires_at integer not null,
    expires_at integer not null,
    -- the newest generation of refresh token handed out, and the newest known to have arrived
    generation integer not null,
    used_generation integer not null,
    revoked_at integer,
    revoked_reason text,
    revoked_scope text,
    revoked_message text,
    ip text not null,
    -- what counts as one caller: the address, or the /64 of an IPv6 address
    network text not null,
    user_agent text,
    device text
);
create index sessions_user_id on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);
create index sessions_idle_expires_at on sessions (idle_expires_at);
create index sessions_revoked_at on sessions (revoked_at) where revoked_at is not null;

create table refresh_tokens (
    hash blob primary key,
    session_id blob not null references sessions (id) on delete cascade,
    generation integer not null,
    created_at integer not null,
    -- when it was first exchanged for its successor
    rotated_at integer
);
create index refresh_tokens_session_id on refresh_tokens (session_id);

create table spent_socket_tokens (
    id blob primary key,
    expires_at integer not null
);
create index spent_socket_tokens_expires_at on spent_socket_tokens (expires_at);

create table mailed_tokens (
    hash blob primary key,
    purpose text not null check (purpose in ('activation', 'recovery')),
    user_id blob not null references users (id) on delete cascade,
    email text not null,
    -- what registration chose: it takes effect only if this token is redeemed
    password_hash text,
    name text,
    created_at integer not null,
    expires_at integer not null
);
create index mailed_tokens_user_id on mailed_tokens (user_id, purpose);

create table setup_tokens (
    hash blob primary key,
    created_at integer not null,
    expires_at integer not null
);

create table mails (
    id blob primary key,
    kind text not null,
    user_id blob,
    status text not null check (status in ('waiting', 'sent', 'failed')),
    -- encrypted under secrets.master, erased when sent
    content blob,
    attempts integer not null,
    next_attempt_at integer not null,
    last_error text,
    created_at integer not null,
    sent_at integer
);
create index mails_waiting on mails (next_attempt_at) where status = 'waiting';

create table mailbox (
    id blob primary key,
    recipient text not null,
    subject text not null,
    text_body text not null,
    html_body text not null,
    links text not null,
    token text,
    sent_at integer not null
);
create index mailbox_sent_at on mailbox (sent_at);

create table signing_keys (
    kid text primary key,
    algorithm text not null,
    status text not null check (status in ('next', 'active', 'retired', 'withdrawn')),
    public_key blob not null,
    -- PKCS #8, encrypted under secrets.master
    private_key blob not null,
    created_at integer not null,
    -- a retired key verifies until then
    verifies_until integer
);
create unique index signing_keys_one_active on signing_keys (status) where status = 'active';

create table service_keys (
    id blob primary key,
    name text not null,
    secret_hash blob not null,
    scopes text not null,
    allow text not null,
    created_at integer not null,
    expires_at integer,
    revoked_at integer
);

-- Every change that a socket must hear of, written in the transaction that made it.
create table journal (
    sequence integer primary key autoincrement,
    epoch text not null,
    -- writers are serial, so the sequence alone is the order
    xid integer not null default 0,
    at integer not null,
    user_id blob,
    session_id blob,
    version integer,
    kind text not null,
    data text not null
);
create index journal_position on journal (xid, sequence);
create index journal_user_id on journal (user_id, sequence);

create table revocations (
    id blob primary key,
    sequence integer not null,
    at integer not null,
    actor text not null,
    selector text not null,
    reason text not null,
    message text,
    sessions_revoked integer not null
);

create table audit (
    id blob primary key,
    at integer not null,
    action text not null,
    actor text not null,
    user_id blob,
    session_id blob,
    ip text,
    outcome text not null,
    request_id text,
    details text not null
);
create index audit_at on audit (at, id);
create index audit_user_id on audit (user_id, id);
