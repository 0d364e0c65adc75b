#!/bin/sh
# Changes the comment that is in the backup, so that only a restore brings it back.
set -eu
. ./identity.sh

keep_user 'written after the backup'
expect_user 'written after the backup'
