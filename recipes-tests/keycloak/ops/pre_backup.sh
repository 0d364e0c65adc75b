#!/bin/sh
# Makes a realm that the backup has to hold.
set -eu
. ./realm.sh

log_in
make_realm backup
