#!/bin/sh
# The account of before the upgrade is let in, and its picture is unchanged.
set -eu
. ./photo.sh

log_in
expect_picture upgrade
