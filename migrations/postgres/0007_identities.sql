-- Who somebody is at a provider (OAuth), and whose account that is.
create table identities (
    id uuid primary key,
    user_id uuid not null references users (id) on delete cascade,
    -- the `<id>` of `oauth.<id>`
    provider text not null,
    -- who it is there: providers never change it, and never give it to somebody else
    subject text not null,
    -- what the provider said at the last sign-in; it decides nothing any more
    email text,
    created_at bigint not null,
    last_used_at bigint not null,
    unique (provider, subject)
);
create index identities_user_id on identities (user_id);

-- A sign-in through a provider, between two of its steps. A secret leads on from each, once.
create table oauth_flows (
    hash bytea primary key,
    step text not null check (step in ('link', 'provider', 'code')),
    provider text not null,
    redirect_to text not null,
    -- of the frontend that began it (RFC 7636)
    code_challenge text not null,
    -- who links an identity, and in which session; nobody where it is a sign-in
    user_id uuid references users (id) on delete cascade,
    session_id uuid,
    -- what the provider said, encrypted under secrets.master
    profile bytea,
    expires_at bigint not null
);
create index oauth_flows_expires_at on oauth_flows (expires_at);
