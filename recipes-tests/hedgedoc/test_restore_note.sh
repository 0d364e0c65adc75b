#!/bin/sh
# The note reads again as it did when the backup was made.
set -eu
. ./note.sh

expect_note backup "$mark: written before the backup"
