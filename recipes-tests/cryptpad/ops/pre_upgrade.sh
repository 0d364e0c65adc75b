#!/bin/sh
# Writes a file to the volume before the upgrade, so that the upgrade has something to lose.
set -eu
. ./data.sh

write_data "$mark-upgrade" "written before the upgrade"
