-- Times are microseconds since 1970 in UTC, identifiers UUID v7, lists JSON text: the same values in
-- both databases, so that one SQL text serves both.

create table meta (
    key text primary key,
    value text not null
);

create table roles (
    name text primary key,
    permissions text not null,
    created_at bigint not null,
    updated_at bigint not null
);

create table users (
    id uuid primary key,
    email text not null unique,
    email_verified boolean not null,
    name text,
    locale text,
    avatar_url text,
    status text not null check (status in ('pending', 'active', 'disabled')),
    site_role text not null references roles (name),
    -- grows by one with each change of the auth state; never goes back
    version bigint not null,
    password_hash text,
    -- when an activation mail was last sent again on demand: at most once a minute
    activation_resent_at bigint,
    created_at bigint not null,
    updated_at bigint not null
);
create index users_site_role on users (site_role);
create index users_created_at on users (created_at, id);

create table sessions (
    id uuid primary key,
    -- no foreign key: a tombstone outlives its user
    user_id uuid not null,
    created_at bigint not null,
    -- when credentials were last proven, and how: `auth_time` and `amr` of the tokens
    authenticated_at bigint not null,
    amr text not null,
    last_seen_at bigint not null,
    idle_expires_at bigint not null,
    expires_at bigint not null,
    -- the newest generation of refresh token handed out, and the newest known to have arrived
    generation bigint not null,
    used_generation bigint not null,
    revoked_at bigint,
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
    hash bytea primary key,
    session_id uuid not null references sessions (id) on delete cascade,
    generation bigint not null,
    created_at bigint not null,
    -- when it was first exchanged for its successor
    rotated_at bigint
);
create index refresh_tokens_session_id on refresh_tokens (session_id);

create table spent_socket_tokens (
    id uuid primary key,
    expires_at bigint not null
);
create index spent_socket_tokens_expires_at on spent_socket_tokens (expires_at);

create table mailed_tokens (
    hash bytea primary key,
    purpose text not null check (purpose in ('activation', 'recovery')),
    user_id uuid not null references users (id) on delete cascade,
    email text not null,
    -- what registration chose: it takes effect only if this token is redeemed
    password_hash text,
    name text,
    created_at bigint not null,
    expires_at bigint not null
);
create index mailed_tokens_user_id on mailed_tokens (user_id, purpose);

create table setup_tokens (
    hash bytea primary key,
    created_at bigint not null,
    expires_at bigint not null
);

create table mails (
    id uuid primary key,
    kind text not null,
    user_id uuid,
    status text not null check (status in ('waiting', 'sent', 'failed')),
    -- encrypted under secrets.master, erased when sent
    content bytea,
    attempts bigint not null,
    next_attempt_at bigint not null,
    last_error text,
    created_at bigint not null,
    sent_at bigint
);
create index mails_waiting on mails (next_attempt_at) where status = 'waiting';

create table mailbox (
    id uuid primary key,
    recipient text not null,
    subject text not null,
    text_body text not null,
    html_body text not null,
    links text not null,
    token text,
    sent_at bigint not null
);
create index mailbox_sent_at on mailbox (sent_at);

create table signing_keys (
    kid text primary key,
    algorithm text not null,
    status text not null check (status in ('next', 'active', 'retired', 'withdrawn')),
    public_key bytea not null,
    -- PKCS #8, encrypted under secrets.master
    private_key bytea not null,
    created_at bigint not null,
    -- a retired key verifies until then
    verifies_until bigint
);
create unique index signing_keys_one_active on signing_keys (status) where status = 'active';

create table service_keys (
    id uuid primary key,
    name text not null,
    secret_hash bytea not null,
    scopes text not null,
    allow text not null,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint
);

-- Every change that a socket must hear of, written in the transaction that made it.
create table journal (
    sequence bigint generated always as identity primary key,
    epoch text not null,
    -- the writing transaction: a reader passes a row only once nothing older can still commit
    xid bigint not null default (pg_current_xact_id()::text::bigint),
    at bigint not null,
    user_id uuid,
    session_id uuid,
    version bigint,
    kind text not null,
    data text not null
);
create index journal_position on journal (xid, sequence);
create index journal_user_id on journal (user_id, sequence);

create table revocations (
    id uuid primary key,
    sequence bigint not null,
    at bigint not null,
    actor text not null,
    selector text not null,
    reason text not null,
    message text,
    sessions_revoked bigint not null
);

create table audit (
    id uuid primary key,
    at bigint not null,
    action text not null,
    actor text not null,
    user_id uuid,
    session_id uuid,
    ip text,
    outcome text not null,
    request_id text,
    details text not null
);
create index audit_at on audit (at, id);
create index audit_user_id on audit (user_id, id);
