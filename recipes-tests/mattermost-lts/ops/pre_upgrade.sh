#!/bin/sh
# Sets a team up and posts before the upgrade, so that the upgrade has something to lose.
set -eu
. ./chat.sh

set_up
post upgrade 'posted before the upgrade'
