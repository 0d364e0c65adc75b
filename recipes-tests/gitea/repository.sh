# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# The account that the tests use.
user=ccci-keeper

# Runs Gitea's own command line in its container, as the user that owns its data.
gitea() {
    app=$(container app)
    owner=$(docker exec "$app" id -u)
    [ "$owner" != 0 ] || owner=git
    # shellcheck disable=SC2016
    docker exec --user "$owner" "$app" sh -c \
        'exec gitea ${GITEA_APP_INI:+--config "$GITEA_APP_INI"} "$@"' gitea "$@"
}

# Makes sure of the account, and of its password in `password`.
sign_in() {
    password=$(password_from "$(container app)")
    is_there || make_account keeper@example.com
}

# Tells whether the account is there.
is_there() {
    gitea admin user list | awk -v name="$user" '$2 == name { found = 1 } END { exit !found }'
}

# Makes the account, with its password and this address.
make_account() {
    gitea admin user create --username "$user" --password "$password" \
        --email "$1" --must-change-password=false > "$TMPDIR/created"
}

# Removes the account with all that it has; one that is not there is no error.
remove_account() {
    if is_there; then
        gitea admin user delete --username "$user" --purge > "$TMPDIR/removed"
    fi
}

# Asks the API as that account; the password is read from a file, so that no list of processes shows it.
ask() {
    printf 'user = "%s:%s"\n' "$user" "$password" > "$TMPDIR/account"
    request "$@" --config "$TMPDIR/account"
}

# Runs git as that account, by the name that the app answers to.
as_user() {
    encoded=$(printf '%s:%s' "$user" "$password" | base64 -w 0)
    GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=2 \
        GIT_CONFIG_KEY_0=http.extraHeader GIT_CONFIG_VALUE_0="Authorization: Basic $encoded" \
        GIT_CONFIG_KEY_1=http.extraHeader GIT_CONFIG_VALUE_1="Host: $CCCI_HOST_HEADER" \
        git -c user.name=keeper -c user.email=keeper@example.com "$@" > "$TMPDIR/git.log" 2>&1 || {
        cat "$TMPDIR/git.log" >&2
        fail "git $* failed"
    }
}

# Makes a repository, and pushes one commit with this text to it.
push() {
    ask /api/v1/user/repos --header 'Content-Type: application/json' \
        --data "{\"name\": \"$1\", \"private\": true}" > "$TMPDIR/made.json"
    git init --quiet "$TMPDIR/$1"
    printf '%s\n' "$2" > "$TMPDIR/$1/text"
    as_user -C "$TMPDIR/$1" add text
    as_user -C "$TMPDIR/$1" commit --message "$2"
    as_user -C "$TMPDIR/$1" push "$CCCI_BASE_URL/$user/$1.git" HEAD:refs/heads/main
}

# The repository has to be clonable, with this text.
expect_clone() {
    as_user clone --branch main "$CCCI_BASE_URL/$user/$1.git" "$TMPDIR/cloned"
    expect 'the text in the repository' "$2" "$(cat "$TMPDIR/cloned/text")"
}
