# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# Where it is kept at which path a note is; its name is made up by HedgeDoc.
place_of() {
    echo "$CCCI_ARTIFACTS/hedgedoc-note-$1.txt"
}

# Makes the note of a word with this text, as anybody may.
write_note() {
    request /new --header 'Content-Type: text/markdown' --data-binary "$2" \
        --output "$TMPDIR/answer" --write-out '%{redirect_url}' > "$TMPDIR/moved"
    note=$(sed 's|^.*/||' "$TMPDIR/moved")
    [ -n "$note" ] || fail 'HedgeDoc did not lead to the new note; may notes be made without an account?'
    echo "/$note" > "$(place_of "$1")"
}

# The note of a word has to have this text.
expect_note() {
    expect 'the text of the note' "$2" "$(request "$(cat "$(place_of "$1")")/download")"
}
