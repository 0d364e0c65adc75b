#!/bin/sh
# Posts what the backup has to hold.
set -eu
. ./chat.sh

log_in
post backup 'posted before the backup'
