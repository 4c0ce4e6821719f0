-- An operator made or imported the account: what it was given stays, whoever registers its address.
alter table users add column vouched boolean not null default false;
