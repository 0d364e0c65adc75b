#!/bin/sh
# Changes in the database the note that is in the backup, so that only a restore brings its text back.
set -eu
. ./note.sh

postgres "UPDATE \"Notes\" SET content = 'changed' WHERE content = '$mark: written before the backup'"
expect_note backup changed
