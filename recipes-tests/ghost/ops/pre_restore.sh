#!/bin/sh
# Changes the title that is in the backup, so that only a restore brings it back.
set -eu
. ./site.sh

mysql "UPDATE settings SET value = 'changed' WHERE \`key\` = 'title'"
expect 'the title in the database' changed "$(stored_title)"
