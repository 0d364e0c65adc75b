#!/bin/sh
# Writes a note before the upgrade, so that the upgrade has something to lose.
set -eu
. ./note.sh

write_note upgrade "$mark: written before the upgrade"
