# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# Makes the id of a workflow of this run out of a word.
id_of() {
    printf '%s %s' "$mark" "$1" | sha256sum | cut -c 1-16
}

# Runs n8n's own command line in its container, as the user that owns its data.
n8n() {
    docker exec --user node "$(container app)" n8n "$@" > "$TMPDIR/n8n.log" 2>&1 || {
        cat "$TMPDIR/n8n.log" >&2
        fail "n8n $* failed"
    }
}

# Imports the workflow of a word under a name; one that has its id is overwritten.
import() {
    version=$(cat /proc/sys/kernel/random/uuid)
    printf '[{"id":"%s","versionId":"%s","name":"%s","active":false,"nodes":[],"connections":{},"settings":{}}]' \
        "$(id_of "$1")" "$version" "$2" |
        docker exec --interactive --user node "$(container app)" sh -c 'cat > /tmp/ccci-workflow.json'
    n8n import:workflow --input=/tmp/ccci-workflow.json
    # Some versions end with 0 though nothing was imported.
    expect_workflow "$1" "$2"
}

# The workflow of a word has to have this name.
expect_workflow() {
    n8n export:workflow --id="$(id_of "$1")" --output=/tmp/ccci-exported.json
    docker exec "$(container app)" cat /tmp/ccci-exported.json > "$TMPDIR/exported.json"
    expect 'the name of the workflow' "$2" "$(value /0/name < "$TMPDIR/exported.json")"
}
