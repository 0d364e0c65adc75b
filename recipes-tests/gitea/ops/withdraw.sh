#!/bin/sh
# Removes the account that was made for an app, with all that it has.
set -eu
. ./repository.sh

user=$CCCI_PROVIDE_NAME
remove_account
