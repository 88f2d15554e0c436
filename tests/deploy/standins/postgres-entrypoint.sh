#!/bin/sh
# As the official image does it: a new cluster is made and what lies in /docker-entrypoint-initdb.d is run, once.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -U "${POSTGRES_USER:-postgres}" --encoding=UTF8 --locale=C.UTF-8 --auth=scram-sha-256 --pwfile="$POSTGRES_PASSWORD_FILE" --no-sync \
        -D "$PGDATA" >/dev/null
    # By the socket everybody is who they say; passwords are for the network.
    printf 'local all all trust\nhost all all all scram-sha-256\n' >"$PGDATA/pg_hba.conf"
    pg_ctl -w -D "$PGDATA" -o "-c listen_addresses= -c unix_socket_directories=/run/postgresql" start >/dev/null
    export PGHOST=/run/postgresql
    createdb -U "${POSTGRES_USER:-postgres}" "$POSTGRES_DB"
    for file in /docker-entrypoint-initdb.d/*.sh; do
        sh "$file"
    done
    pg_ctl -w -D "$PGDATA" stop >/dev/null
fi
exec "$@" -c "listen_addresses=*" -c unix_socket_directories=/run/postgresql
