# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# Where a hook leaves the fingerprint for the test after it.
known="$CCCI_ARTIFACTS/mumble-fingerprint.txt"

# Tells at which address of this machine the server's container is reached.
voice_address() {
    app=$(container app)
    found=$(docker network inspect docker_gwbridge \
        --format '{{range $id, $end := .Containers}}{{println $id $end.IPv4Address}}{{end}}' |
        grep "^$app" | cut -d ' ' -f 2 | cut -d / -f 1)
    [ -n "$found" ] || fail 'the container has no address on docker_gwbridge'
    echo "$found"
}

# Prints the fingerprint of the certificate that the server shows.
#
# The server makes the certificate at its first start and keeps it in its database; clients know it by this.
fingerprint() {
    address=$(voice_address)
    python3 -c '
import hashlib, socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
with socket.create_connection((sys.argv[1], 64738), timeout=30) as plain:
    with context.wrap_socket(plain) as secure:
        print(hashlib.sha256(secure.getpeercert(binary_form=True)).hexdigest())' "$address"
}

# Notes by which certificate the server is known.
remember() {
    fingerprint > "$known"
}

# The server still has to show the certificate that was noted.
expect_known() {
    expect "the fingerprint of the server's certificate" "$(cat "$known")" "$(fingerprint)"
}

# Fetches the certificate of the user that is kept, with its key, into this test's own folder.
#
# It is made once and lives in the server's volume, so that whoever reads the records of a run does not have it.
fetch_certificate() {
    app=$(container app)
    certificate="$TMPDIR/user.pem"
    place="$(volume_of "$app")/ccci-user.pem"
    if ! docker cp --quiet "$app:$place" "$certificate" 2> "$TMPDIR/said"; then
        openssl req -x509 -newkey rsa:2048 -nodes -days 7 -subj '/CN=ccci' \
            -keyout "$certificate" -out "$TMPDIR/public.pem" 2> "$TMPDIR/said" || fail "$(cat "$TMPDIR/said")"
        cat "$TMPDIR/public.pem" >> "$certificate"
        docker cp --quiet "$certificate" "$app:$place"
    fi
}

# Registers the user, unless the server knows it, and gives it this comment.
keep_user() {
    fetch_certificate
    python3 voice.py keep "$(voice_address)" "$certificate" "$1"
}

# The server has to know the user by its certificate, with this comment.
expect_user() {
    fetch_certificate
    python3 voice.py expect "$(voice_address)" "$certificate" "$1"
}

# Starts the server anew: it holds its database open and would not see the one that was restored.
restart() {
    docker service update --quiet --force "${CCCI_STACK}_app" > "$TMPDIR/said" || fail "$(cat "$TMPDIR/said")"
    timeout 60 sh -c 'until python3 voice.py greet "$1" 2> /dev/null; do sleep 0.2; done' sh "$(voice_address)" ||
        fail 'the server does not answer after a restart'
}
