#!/bin/sh
# Run once, when the database is made: who may come in. The owner makes the schemas (`tam migrate`) and gives each
# service's role what it needs of its own (`--grant-to tam_`); nobody else may make anything.
set -eu

sql() { psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U "${POSTGRES_USER:-postgres}" -d "$POSTGRES_DB" "$@"; }

role() { # name, secret
    sql -v name="$1" -v password="$(cat "/run/secrets/$2")" -v database="$POSTGRES_DB" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
GRANT CONNECT ON DATABASE :"database" TO :"name";
SQL
}

sql -v database="$POSTGRES_DB" <<'SQL'
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SQL
role tam_owner db_owner
sql -v database="$POSTGRES_DB" <<'SQL'
GRANT CREATE ON DATABASE :"database" TO tam_owner;
SQL
for service in profiles touchpoints surveys loyalty metrics; do
    role "tam_$service" "db_$service"
done
