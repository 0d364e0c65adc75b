#!/bin/sh
# Inserts the key that signs changes of identities, which the recipe cannot generate.
set -eu
. ../shared.sh

version=$(sed -n 's/^SECRET_PDS_PLC_ROTATION_KEY_VERSION=//p' "$CCCI_APP_ENV" | sed "s/[[:space:]]*#.*//" | tr -d "\"'")
[ -n "$version" ] || fail 'the environment of the app does not say which version of the key it wants'
# 32 bytes in hexadecimal, as the app's own installer makes them.
python3 -c 'import secrets; print(secrets.token_hex(32), end="")' | docker secret create \
    --label "com.docker.stack.namespace=$CCCI_STACK" "${CCCI_STACK}_pds_plc_rotation_key_$version" - > "$TMPDIR/secret"
