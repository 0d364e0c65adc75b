#!/bin/sh
# A repository that is pushed can be cloned.
set -eu
. ./repository.sh

sign_in
push custom 'pushed to be cloned'
expect_clone custom 'pushed to be cloned'
