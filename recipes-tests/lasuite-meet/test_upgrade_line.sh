#!/bin/sh
# What was written to PostgreSQL before the upgrade is still there.
set -eu
. ../shared.sh

expect_line upgrade 'written before the upgrade'
