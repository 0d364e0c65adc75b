#!/bin/sh
# The post that was deleted after the backup is there again.
set -eu
. ./chat.sh

log_in
expect_post backup 'posted before the backup'
