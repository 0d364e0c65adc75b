#!/bin/sh
# The repository that was deleted after the backup can be cloned again.
set -eu
. ./repository.sh

sign_in
expect_clone backup 'pushed before the backup'
