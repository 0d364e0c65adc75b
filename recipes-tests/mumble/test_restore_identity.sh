#!/bin/sh
# Started with the restored database, the server has the certificate and the user's comment of the backup.
set -eu
. ./identity.sh

restart
expect_known
expect_user 'written before the backup'
