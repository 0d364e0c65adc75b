#!/bin/sh
# Deletes the repository that is in the backup, so that only a restore brings it back.
set -eu
. ./repository.sh

sign_in
ask "/api/v1/repos/$user/backup" --request DELETE
