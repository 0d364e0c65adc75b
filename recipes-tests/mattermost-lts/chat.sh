# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# Makes up the password of the tests' account, of all kinds of characters.
read_password() {
    password="Aa1!$(password_from "$(container_of_image 'postgres|pgautoupgrade')")"
}

# Makes the first account, which becomes the administrator, and a team with its channels.
set_up() {
    read_password
    send /api/v4/users "{\"email\": \"keeper@example.com\", \"username\": \"keeper\", \"password\": \"$password\"}" \
        > "$TMPDIR/user.json"
    log_in
    ask_json /api/v4/teams '{"name": "ccci-team", "display_name": "Team of the tests", "type": "O"}' > "$TMPDIR/team.json"
}

# Signs in, and keeps the token in a file that curl reads.
log_in() {
    read_password
    send /api/v4/users/login "{\"login_id\": \"keeper@example.com\", \"password\": \"$password\"}" \
        --dump-header "$TMPDIR/headers" --output "$TMPDIR/login.json"
    token=$(sed -n 's/^[Tt]oken: *//p' "$TMPDIR/headers" | tr -d '\r')
    [ -n "$token" ] || fail 'the answer to the login has no header Token'
    printf 'header = "Authorization: Bearer %s"\n' "$token" > "$TMPDIR/token"
}

# Asks the API as the account.
ask() {
    request "$@" --config "$TMPDIR/token"
}

# Sends JSON to the API as the account.
ask_json() {
    send "$@" --config "$TMPDIR/token"
}

# Posts this text in the team's first channel, and notes the post's id under a word.
post() {
    team=$(ask /api/v4/teams/name/ccci-team | value /id)
    channel=$(ask "/api/v4/teams/$team/channels/name/town-square" | value /id)
    ask_json /api/v4/posts "{\"channel_id\": \"$channel\", \"message\": \"$2\"}" > "$TMPDIR/post.json"
    value /id < "$TMPDIR/post.json" > "$CCCI_ARTIFACTS/mattermost-post-$1.txt"
}

# Tells the id of the post of a word.
id_of() {
    cat "$CCCI_ARTIFACTS/mattermost-post-$1.txt"
}

# The post of a word has to have this text, and not to be deleted.
expect_post() {
    ask "/api/v4/posts/$(id_of "$1")" > "$TMPDIR/post.json"
    expect 'the text of the post' "$2" "$(value /message < "$TMPDIR/post.json")"
    expect 'the time at which the post was deleted' 0 "$(value /delete_at < "$TMPDIR/post.json")"
}
