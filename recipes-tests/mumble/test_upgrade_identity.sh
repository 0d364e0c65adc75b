#!/bin/sh
# The server shows the same certificate as before the upgrade: it still has its database.
set -eu
. ./identity.sh

expect_known
