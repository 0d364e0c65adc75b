#!/bin/sh
# Nobody is told who they are without signing in.
set -eu
. ../shared.sh

status=$(curl --silent --output "$TMPDIR/user" --max-time 60 --write-out '%{http_code}' \
    --header "Host: $CCCI_HOST_HEADER" --header 'X-Forwarded-Proto: https' "$CCCI_BASE_URL/api/user")
expect 'the status of a question without a token' 401 "$status"
