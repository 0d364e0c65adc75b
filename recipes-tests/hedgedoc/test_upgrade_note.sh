#!/bin/sh
# The note that was written before the upgrade still has its text.
set -eu
. ./note.sh

expect_note upgrade "$mark: written before the upgrade"
