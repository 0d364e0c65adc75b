#!/bin/sh
# The server shows the same certificate as before the upgrade, and knows the user that was registered: it has its database.
set -eu
. ./identity.sh

expect_known
expect_user 'written before the upgrade'
