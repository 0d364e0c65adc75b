#!/bin/sh
# The page reads again as it did when the backup was made.
set -eu
. ./page.sh

expect_page "$mark-backup.txt" 'written before the backup'
