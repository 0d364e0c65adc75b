#!/bin/sh
# Deletes the picture that is in the backup, so that only a restore brings it back.
set -eu
. ./photo.sh

log_in
request /api/assets --request DELETE --config "$TMPDIR/token" --header "Content-Type: application/json" \
    --data "{\"ids\": [\"$(id_of backup)\"], \"force\": true}"
