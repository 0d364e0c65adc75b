#!/bin/sh
# The site that was set up before the upgrade still has its title and its owner.
set -eu
. ./site.sh

request /ghost/api/admin/site/ > "$TMPDIR/site.json"
expect "the site's title" "$title" "$(value /site/title < "$TMPDIR/site.json")"
request /ghost/api/admin/authentication/setup/ > "$TMPDIR/setup.json"
expect 'whether the site is set up' True "$(value /setup/0/status < "$TMPDIR/setup.json")"
