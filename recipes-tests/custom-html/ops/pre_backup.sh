#!/bin/sh
# Publishes a page that the backup has to hold.
set -eu
. ./page.sh

publish "$mark-backup.txt" 'written before the backup'
