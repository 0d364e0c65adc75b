#!/bin/sh
# Removes the realm that was made for an app, with all that is in it.
set -eu
. ./realm.sh

log_in
remove_realm "$CCCI_PROVIDE_NAME"
