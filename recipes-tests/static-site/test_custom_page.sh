#!/bin/sh
# A page that is put into the volume is served as it is, and browsers are told not to guess its type.
set -eu

name=ccci-$CCCI_RUN_ID.txt
text="published by run $CCCI_RUN_ID"
app=$(docker ps --quiet --filter "label=com.docker.swarm.service.name=${CCCI_STACK}_app" | head -n 1)

printf '%s\n' "$text" > "$TMPDIR/$name"
docker cp --quiet "$TMPDIR/$name" "$app:/usr/share/nginx/html/$name"

curl --silent --show-error --fail --max-time 10 --header "Host: $CCCI_HOST_HEADER" \
    --dump-header "$TMPDIR/headers" --output "$TMPDIR/body" "$CCCI_BASE_URL/$name"

served=$(cat "$TMPDIR/body")
if [ "$served" != "$text" ]; then
    echo "the page reads \`$served\`, published was \`$text\`" >&2
    exit 1
fi
if ! grep -qi '^x-content-type-options: nosniff' "$TMPDIR/headers"; then
    echo "the header X-Content-Type-Options is not nosniff:" >&2
    cat "$TMPDIR/headers" >&2
    exit 1
fi
