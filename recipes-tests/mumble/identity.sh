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
