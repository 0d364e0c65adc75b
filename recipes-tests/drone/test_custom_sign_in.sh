#!/bin/sh
# Whoever signs in is sent to the forge that this app was given, as the application that the forge made for it.
set -eu
. ../shared.sh

place=$(ask_app --show-error --output "$TMPDIR/page" --write-out '%{redirect_url}' "$CCCI_BASE_URL/login")
forge=$(value /gitea/url < "$CCCI_PROVIDED_FILE")
client=$(value /gitea/values/client-id < "$CCCI_PROVIDED_FILE")
case $place in
    "$forge/login/oauth/authorize?"*"client_id=$client"*) ;;
    *) fail "the way to sign in is \`$place\`, wanted was \`$forge\` with the client \`$client\`" ;;
esac
