#!/bin/sh
# The mailbox that was made before the upgrade is still known.
set -eu
. ./mailbox.sh

expect 'whether the mailbox is known' yes "$(known upgrade)"
