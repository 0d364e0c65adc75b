#!/bin/sh
# The repository that was pushed before the upgrade can be cloned, by the same account.
set -eu
. ./repository.sh

sign_in
expect_clone upgrade 'pushed before the upgrade'
