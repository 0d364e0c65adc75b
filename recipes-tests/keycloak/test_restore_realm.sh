#!/bin/sh
# The realm that was deleted after the backup is there again.
set -eu
. ./realm.sh

expect_realm backup
