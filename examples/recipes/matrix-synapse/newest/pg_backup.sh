#!/bin/bash
# Hooks of the backup bot, and the health check: backup, clean, restore or check.
set -eu

dump=/var/lib/postgresql/data/backup.sql
export PGUSER=$POSTGRES_USER

case "${1:-}" in
backup)
    # A dump that was cut short never carries the final name.
    pg_dump --file="$dump.part" "$POSTGRES_DB"
    mv "$dump.part" "$dump"
    ;;
clean)
    rm -f "$dump"
    ;;
restore)
    # What is there goes only when the dump has been read to its end.
    dropdb --maintenance-db=postgres --if-exists "$POSTGRES_DB-restored"
    createdb --maintenance-db=postgres --template=template0 "$POSTGRES_DB-restored"
    psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --single-transaction --output=/dev/null \
        --dbname="$POSTGRES_DB-restored" --file="$dump"
    dropdb --maintenance-db=postgres --force "$POSTGRES_DB"
    psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname=postgres \
        --command="ALTER DATABASE \"$POSTGRES_DB-restored\" RENAME TO \"$POSTGRES_DB\""
    rm -f "$dump"
    ;;
check)
    psql --quiet --no-psqlrc --output=/dev/null --dbname="$POSTGRES_DB" --command="SELECT 1"
    ;;
*)
    echo "usage: $0 backup|clean|restore|check" >&2
    exit 2
    ;;
esac
