#!/bin/sh
# The server still says from inside that it is well, after the upgrade.
set -eu
. ./health.sh

expect_health
