#!/bin/sh
# CryptPad tells its pages to load documents from the second name, and not from the first.
set -eu
. ../shared.sh

request /api/config > "$TMPDIR/config"
sandbox=$(sed -n 's/^SANDBOX_DOMAIN=//p' "$CCCI_APP_ENV" | tr -d "\"'")
[ -n "$sandbox" ] || fail 'the environment of the app has no SANDBOX_DOMAIN'
for name in "$sandbox" "$CCCI_APP_DOMAIN"; do
    grep -qF "$name" "$TMPDIR/config" || {
        cp "$TMPDIR/config" "$CCCI_ARTIFACTS/cryptpad-config.txt"
        fail "the settings of the pages lack \`$name\`, see cryptpad-config.txt among the artifacts"
    }
done
