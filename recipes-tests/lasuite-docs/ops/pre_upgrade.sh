#!/bin/sh
# Writes to PostgreSQL before the upgrade, so that the upgrade has something to lose.
set -eu
. ../shared.sh

write_line upgrade 'written before the upgrade'
