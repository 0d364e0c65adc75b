#!/bin/sh
# Publishes a page before the upgrade, so that the upgrade has something to lose.
set -eu
. ./page.sh

publish "$mark-upgrade.txt" 'written before the upgrade'
