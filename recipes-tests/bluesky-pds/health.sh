# Functions that the tests of this folder share; sourced by them, run by nobody.

. ../shared.sh

# The server has to say from inside its container that it is well, and which version it is.
expect_health() {
    server=$(container_of_image 'bluesky-social/pds')
    # shellcheck disable=SC2016
    docker exec "$server" node -e '
        require("http").get(`http://localhost:${process.env.PDS_PORT || 3000}/xrpc/_health`, (answer) => {
            answer.pipe(process.stdout)
            process.exitCode = answer.statusCode === 200 ? 0 : 1
        })' > "$TMPDIR/health.json" || fail "the server does not say that it is well: $(cat "$TMPDIR/health.json")"
    [ -n "$(value /version < "$TMPDIR/health.json")" ] || fail 'the server does not tell its version'
}
