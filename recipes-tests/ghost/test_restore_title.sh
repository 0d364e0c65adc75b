#!/bin/sh
# The database has the title again that it had when the backup was made.
set -eu
. ./site.sh

expect 'the title in the database' "$title, backed up" "$(stored_title)"
