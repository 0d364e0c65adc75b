#!/bin/sh
# Writes to PostgreSQL what the backup has to hold.
set -eu
. ../shared.sh

write_line backup 'written before the backup'
