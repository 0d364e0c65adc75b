#!/bin/sh
# Uploads a picture before the upgrade, so that the upgrade has something to lose.
set -eu
. ./photo.sh

once set_up
log_in
upload upgrade
