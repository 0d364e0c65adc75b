#!/bin/sh
# Makes an account of its own for each app that signs people in by this forge, and an OAuth application of that account.
set -eu
. ./repository.sh

user=$CCCI_PROVIDE_NAME
remove_account
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
make_account "$user@example.com"
printf '{"name": "%s", "redirect_uris": ["%s/login"], "confidential_client": true}' \
    "$user" "$CCCI_DEPENDENT_URL" > "$TMPDIR/application.json"
ask /api/v1/user/applications/oauth2 --header 'Content-Type: application/json' \
    --data-binary "@$TMPDIR/application.json" > "$TMPDIR/made.json"
printf '%s' "$password" > "$TMPDIR/password"
python3 - "$TMPDIR/made.json" "$TMPDIR/password" "$user" <<'END'
"""Prints what the app gets."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    made = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    password = file.read()
values = {"client-id": made["client_id"], "username": sys.argv[3]}
secrets = {"client-secret": made["client_secret"], "password": password}
json.dump({"values": values, "secrets": secrets}, sys.stdout)
END
