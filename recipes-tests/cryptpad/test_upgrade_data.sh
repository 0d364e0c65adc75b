#!/bin/sh
# The file that was written before the upgrade is still in the volume.
set -eu
. ./data.sh

expect_data "$mark-upgrade" "written before the upgrade"
