#!/bin/sh
# The account that was made before the upgrade is let in.
set -eu
. ./account.sh

expect_login
