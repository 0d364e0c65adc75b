# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# Signs in as the administrator that the recipe made, and keeps the token in a file that curl reads.
log_in() {
    app=$(container app)
    # shellcheck disable=SC2016
    docker exec "$app" sh -c 'printf %s "${KC_BOOTSTRAP_ADMIN_USERNAME:-${KEYCLOAK_ADMIN:-admin}}"' > "$TMPDIR/name"
    docker exec "$app" sh -c 'cat /run/secrets/admin_password' > "$TMPDIR/password"
    request /realms/master/protocol/openid-connect/token --data grant_type=password --data client_id=admin-cli \
        --data-urlencode "username@$TMPDIR/name" --data-urlencode "password@$TMPDIR/password" > "$TMPDIR/answer.json"
    printf 'header = "Authorization: Bearer %s"\n' "$(value /access_token < "$TMPDIR/answer.json")" > "$TMPDIR/token"
}

# Names the realm of a word.
realm() {
    echo "$mark-$1"
}

# Makes the realm of a word.
make_realm() {
    send /admin/realms "{\"realm\": \"$(realm "$1")\", \"enabled\": true}" --config "$TMPDIR/token"
}

# The realm of a word has to be there, as anybody may see.
expect_realm() {
    request "/realms/$(realm "$1")" > "$TMPDIR/realm.json"
    expect 'the name of the realm' "$(realm "$1")" "$(value /realm < "$TMPDIR/realm.json")"
}

# Removes a realm by its whole name; one that is not there is no error.
remove_realm() {
    status=$(ask_app --show-error --output "$TMPDIR/removed" --write-out '%{http_code}' --config "$TMPDIR/token" \
        --request DELETE "$CCCI_BASE_URL/admin/realms/$1")
    case $status in
        204 | 404) ;;
        *) fail "the realm \`$1\` was not removed: Keycloak answered $status" ;;
    esac
}
