#!/bin/sh
# Uploads a picture that the backup has to hold.
set -eu
. ./photo.sh

once set_up
log_in
upload backup
