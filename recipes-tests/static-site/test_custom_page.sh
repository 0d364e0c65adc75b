#!/bin/sh
# A page that is put into the volume is served as it is, and browsers are told not to guess its type.
set -eu
. ../shared.sh

app=$(container app)
printf '%s\n' "published by run $CCCI_RUN_ID" > "$TMPDIR/$mark.txt"
docker cp --quiet "$TMPDIR/$mark.txt" "$app:/usr/share/nginx/html/$mark.txt"

served=$(request "/$mark.txt" --dump-header "$TMPDIR/headers")
expect 'the text of the page' "published by run $CCCI_RUN_ID" "$served"

grep -qi '^x-content-type-options: nosniff' "$TMPDIR/headers" || {
    cat "$TMPDIR/headers" >&2
    fail 'the header X-Content-Type-Options is not nosniff'
}
