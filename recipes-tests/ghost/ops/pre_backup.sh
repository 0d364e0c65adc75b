#!/bin/sh
# Notes in the database what the backup has to hold.
set -eu
. ./site.sh

mysql "UPDATE settings SET value = '$title, backed up' WHERE \`key\` = 'title'"
