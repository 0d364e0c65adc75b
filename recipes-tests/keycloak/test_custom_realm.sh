#!/bin/sh
# The administrator is let in, and can make a realm.
set -eu
. ./realm.sh

log_in
make_realm custom
expect_realm custom
