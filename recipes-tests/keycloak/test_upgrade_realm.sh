#!/bin/sh
# The realm that was made before the upgrade is still there.
set -eu
. ./realm.sh

expect_realm upgrade
