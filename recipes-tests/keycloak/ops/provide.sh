#!/bin/sh
# Makes a realm of its own for each app that signs people in here, with one client and one account.
set -eu
. ./realm.sh

log_in
remove_realm "$CCCI_PROVIDE_NAME"
python3 - "$TMPDIR/realm.json" "$TMPDIR/given.json" <<'END'
"""Writes what is asked of Keycloak, and what the app gets; no list of processes shows a secret."""

import json
import os
import secrets
import sys

name, app = os.environ["CCCI_PROVIDE_NAME"], os.environ["CCCI_DEPENDENT_URL"]
client_secret, password = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
client = {
    "clientId": name,
    "secret": client_secret,
    "protocol": "openid-connect",
    "publicClient": False,
    "standardFlowEnabled": True,
    "directAccessGrantsEnabled": True,
    "redirectUris": [f"{app}/*"],
    "webOrigins": [app],
}
account = {
    "username": name,
    "enabled": True,
    "email": f"{name}@example.com",
    "emailVerified": True,
    "firstName": "Ann",
    "lastName": "Example",
    "credentials": [{"type": "password", "value": password, "temporary": False}],
}
realm = {"realm": name, "enabled": True, "clients": [client], "users": [account]}
issuer = f"https://{os.environ['CCCI_APP_DOMAIN']}/realms/{name}"
given = {
    "values": {"issuer": issuer, "realm": name, "client-id": name, "username": name},
    "secrets": {"client-secret": client_secret, "password": password},
}
for path, what in zip(sys.argv[1:], (realm, given)):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(what, file)
END
request /admin/realms --header 'Content-Type: application/json' \
    --data-binary "@$TMPDIR/realm.json" --config "$TMPDIR/token" >&2
cat "$TMPDIR/given.json"
