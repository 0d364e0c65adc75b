#!/bin/sh
# Makes the first account before the upgrade, so that the upgrade has something to lose.
set -eu
. ./account.sh

set_up
