# Run once by PostgreSQL's image, on an empty volume: a role that owns its database, and may do nothing else.
psql --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --set password="$(cat /run/secrets/database_password)" <<'SQL'
create role portcullis login password :'password';
create database portcullis owner portcullis;
SQL
