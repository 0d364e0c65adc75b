#!/bin/sh
# Makes a realm before the upgrade, so that the upgrade has something to lose.
set -eu
. ./realm.sh

log_in
make_realm upgrade
