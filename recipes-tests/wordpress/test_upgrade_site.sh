#!/bin/sh
# The site that was set up before the upgrade is still there, with its title and its first post.
set -eu
. ./site.sh

request / --output "$TMPDIR/page.html"
for text in "<title>$title" 'Hello world!'; do
    grep -qF "$text" "$TMPDIR/page.html" || {
        cp "$TMPDIR/page.html" "$CCCI_ARTIFACTS/upgraded.html"
        fail "the front page lacks \`$text\`, see upgraded.html among the artifacts"
    }
done
