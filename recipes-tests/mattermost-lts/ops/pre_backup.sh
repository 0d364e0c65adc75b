#!/bin/sh
# Posts what the backup has to hold.
set -eu
. ./chat.sh

once set_up
log_in
post backup 'posted before the backup'
