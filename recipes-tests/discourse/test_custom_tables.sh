#!/bin/sh
# The forum's own tables are in PostgreSQL: the app's migrations have run.
set -eu
. ../shared.sh

tables=$(postgres "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
for table in schema_migrations topics users; do
    echo "$tables" | grep -qx "$table" || fail "there is no table $table, only: $tables"
done
