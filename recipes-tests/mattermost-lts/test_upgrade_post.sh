#!/bin/sh
# The account of before the upgrade is let in, and its post is still there.
set -eu
. ./chat.sh

log_in
expect_post upgrade 'posted before the upgrade'
