# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# Puts a page of this name and text into the volume that is served.
publish() {
    app=$(container app)
    printf '%s\n' "$2" > "$TMPDIR/$1"
    docker cp --quiet "$TMPDIR/$1" "$app:$(volume_of "$app")/$1"
}

# Asks for a page, which has to have this text.
expect_page() {
    expect "the page \`$1\`" "$2" "$(request "/$1")"
}

# Tells with which status a path is answered.
status() {
    ask_app --output "$TMPDIR/answer" --write-out '%{http_code}' "$CCCI_BASE_URL$1"
}
