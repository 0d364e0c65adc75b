#!/bin/sh
# Deletes the line that is in the backup, so that only a restore brings it back.
set -eu
. ../shared.sh

postgres "DELETE FROM ccci_lines WHERE name = 'backup'"
expect_line backup ''
