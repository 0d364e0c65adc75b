#!/bin/sh
# Writes a note that the backup has to hold.
set -eu
. ./note.sh

write_note backup "$mark: written before the backup"
