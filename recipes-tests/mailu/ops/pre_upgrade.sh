#!/bin/sh
# Makes a mailbox before the upgrade, so that the upgrade has something to lose.
set -eu
. ./mailbox.sh

once set_up
make_mailbox upgrade
