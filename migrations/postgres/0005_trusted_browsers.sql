-- Grows when no browser that was trusted until then is trusted any more: see ADR 13.
alter table users add column browser_trust bigint not null default 0;
