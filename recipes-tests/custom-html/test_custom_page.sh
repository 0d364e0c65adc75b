#!/bin/sh
# A page that is put into the volume is served as it is, and one that was never there is not found.
set -eu
. ./page.sh

publish "$mark.txt" "published by run $CCCI_RUN_ID"
expect_page "$mark.txt" "published by run $CCCI_RUN_ID"

expect 'the status of a page that is not there' 404 "$(status "/$mark-missing.txt")"
