-- Lists for managers: each newest first by the id, which is a UUID v7, with a filter in front.
create index users_role_and_id on users (site_role, id);
drop index users_site_role;
create index users_status_and_id on users (status, id);
drop index users_created_at;
create index mails_status_and_id on mails (status, id);
create index audit_user_and_time on audit (user_id, at, id);
drop index audit_user_id;
-- Sign-ins and refreshes are found by their time: they are most of the log, and pay for no further index.
create index audit_action on audit (action, at, id) where action not in ('session.create', 'session.refresh');

-- The log is append-only. What is older than a year may be erased: see the clean-up.
create trigger audit_keeps_what_is_written before update on audit
begin
    select raise(abort, 'the audit log is append-only');
end;
create trigger audit_keeps_rows before delete on audit
when old.at >= (cast(strftime('%s', 'now') as integer) - 365 * 86400) * 1000000
begin
    select raise(abort, 'the audit log is append-only');
end;
