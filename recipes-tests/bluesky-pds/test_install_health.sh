#!/bin/sh
# The server says from inside that it is well.
set -eu
. ./health.sh

expect_health
