#!/bin/sh
# Overwrites the page that is in the backup, so that only a restore brings its text back.
set -eu
. ./page.sh

publish "$mark-backup.txt" 'written after the backup'
expect_page "$mark-backup.txt" 'written after the backup'
