#!/bin/sh
# Sets the site up before the upgrade, so that the upgrade has something to lose.
set -eu
. ./site.sh

set_up
