#!/bin/sh
# The page that was published before the upgrade is still served.
set -eu
. ./page.sh

expect_page "$mark-upgrade.txt" 'written before the upgrade'
expect_page '' 'the first page'
