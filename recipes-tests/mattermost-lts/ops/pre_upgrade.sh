#!/bin/sh
# Sets a team up and posts before the upgrade, so that the upgrade has something to lose.
set -eu
. ./chat.sh

once set_up
log_in
post upgrade 'posted before the upgrade'
