#!/bin/sh
# Pushes a repository before the upgrade, so that the upgrade has something to lose.
set -eu
. ./repository.sh

sign_in
push upgrade 'pushed before the upgrade'
