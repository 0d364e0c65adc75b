#!/bin/sh
# Deletes the post that is in the backup, so that only a restore brings it back.
set -eu
. ./chat.sh

log_in
ask "/api/v4/posts/$(id_of backup)" --request DELETE > "$TMPDIR/deleted.json"
