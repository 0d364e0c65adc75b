#!/bin/sh
# Makes a mailbox that the backup has to hold.
set -eu
. ./mailbox.sh

once set_up
make_mailbox backup
expect 'whether the mailbox is known' yes "$(known backup)"
