#!/bin/sh
# PostgreSQL holds the tables of people and of sites, made by the app's own migrations.
set -eu
. ../shared.sh

tables=$(postgres "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
for table in schema_migrations sites users; do
    echo "$tables" | grep -qx "$table" || fail "there is no table $table, only: $tables"
done
