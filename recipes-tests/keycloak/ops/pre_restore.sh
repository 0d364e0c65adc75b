#!/bin/sh
# Deletes the realm that is in the backup, so that only a restore brings it back.
set -eu
. ./realm.sh

log_in
request "/admin/realms/$(realm backup)" --request DELETE --config "$TMPDIR/token"
