#!/bin/sh
# The line that was deleted after the backup is in PostgreSQL again.
set -eu
. ../shared.sh

expect_line backup 'written before the backup'
