#!/bin/sh
# Inserts the secret of the OAuth application that the forge made for this app.
set -eu
. ../shared.sh

version=$(sed -n 's/^SECRET_CLIENT_SECRET_VERSION=\([[:alnum:]_.-]*\).*/\1/p' "$CCCI_APP_ENV")
[ -n "$version" ] || fail 'the recipe has no secret `client_secret`'
value /gitea/secrets/client-secret < "$CCCI_PROVIDED_FILE" | tr -d '\n' |
    docker secret create --label "com.docker.stack.namespace=$CCCI_STACK" \
        "${CCCI_STACK}_client_secret_$version" - > /dev/null
