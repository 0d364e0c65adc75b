#!/bin/sh
# The picture that was deleted after the backup is there again, byte for byte.
set -eu
. ./photo.sh

log_in
expect_picture backup
