#!/bin/sh
# Pushes a repository that the backup has to hold.
set -eu
. ./repository.sh

sign_in
push backup 'pushed before the backup'
