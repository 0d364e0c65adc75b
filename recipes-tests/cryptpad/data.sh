# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# Writes this text to a file of this name in the first volume of the app.
write_data() {
    app=$(container app)
    printf '%s\n' "$2" > "$TMPDIR/$1"
    docker cp --quiet "$TMPDIR/$1" "$app:$(volume_of "$app")/$1"
}

# The file of this name has to have this text.
expect_data() {
    app=$(container app)
    docker cp --quiet "$app:$(volume_of "$app")/$1" "$TMPDIR/found"
    expect "the file \`$1\` in the volume" "$2" "$(cat "$TMPDIR/found")"
}
