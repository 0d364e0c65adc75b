#!/bin/sh
# The server shows the certificate that it had when the backup was made.
set -eu
. ./identity.sh

expect_known
