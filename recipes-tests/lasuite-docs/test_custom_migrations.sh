#!/bin/sh
# The app's migrations have run: Django's own record of them is in PostgreSQL, and not empty.
set -eu
. ../shared.sh

count=$(postgres 'SELECT count(*) FROM django_migrations')
[ "$count" -gt 0 ] || fail "Django has a record of \`$count\` migrations"
