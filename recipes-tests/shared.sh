# Functions that the tests of several folders share; sourced by them as `../shared.sh`, run by nobody.

# What the data of this run is called, so that it is told from all other data.
mark="ccci-$CCCI_RUN_ID"

# Says what is wrong, and ends the test.
fail() {
    echo "$*" >&2
    exit 1
}

# Compares what was found with what was wanted.
expect() {
    what=$1 wanted=$2 found=$3
    [ "$found" = "$wanted" ] || fail "$what is \`$found\`, wanted was \`$wanted\`"
}

# Runs curl for the app by the name that it answers to; arguments are curl's.
#
# It goes the way that ccci goes: to the address that is set for the proxy, and with the authorities that are.
ask_app() {
    [ -z "${CCCI_CA_FILE:-}" ] || set -- --cacert "$CCCI_CA_FILE" "$@"
    case ${CCCI_RESOLVE_TO:-} in
    '') ;;
    # With a port, which an IPv6 address has behind its brackets; then without.
    \[* | *.*:*) set -- --connect-to "::$CCCI_RESOLVE_TO" "$@" ;;
    *:*) set -- --connect-to "::[$CCCI_RESOLVE_TO]:" "$@" ;;
    *) set -- --connect-to "::$CCCI_RESOLVE_TO:" "$@" ;;
    esac
    curl --silent --max-time 60 --header "Host: $CCCI_HOST_HEADER" --header 'X-Forwarded-Proto: https' "$@"
}

# Makes a request of the app, which has to succeed; curl's arguments come after the path.
request() {
    path=$1
    shift
    ask_app --show-error --fail "$@" "$CCCI_BASE_URL$path" || fail "the request for \`$path\` failed"
}

# Sends JSON to the app; path and text first, then curl's arguments. No list of processes shows the text.
send() {
    to=$1 body=$2
    shift 2
    printf '%s' "$body" | request "$to" --header 'Content-Type: application/json' --data-binary @- "$@"
}

# Reads one value out of JSON on standard input, by its pointer.
value() {
    python3 -c '
import json, sys
found = json.load(sys.stdin)
for part in sys.argv[1].split("/")[1:]:
    found = found[int(part)] if isinstance(found, list) else found[part]
print(found)' "$1"
}

# Runs a command once in a run, however many hooks ask for it.
once() {
    did="$CCCI_ARTIFACTS/did-$1.txt"
    if [ ! -e "$did" ]; then
        "$@"
        echo "$*" > "$did"
    fi
}

# Names the running container of a service.
container() {
    found=$(docker ps --quiet --filter "label=com.docker.swarm.service.name=${CCCI_STACK}_$1" | head -n 1)
    [ -n "$found" ] || fail "the service \`$1\` has no running container"
    echo "$found"
}

# Names the running container of the app whose image is called so, whatever its service is called.
container_of_image() {
    found=$(docker ps --quiet --filter "label=com.docker.stack.namespace=$CCCI_STACK" |
        xargs -r docker inspect --format '{{.Id}} {{.Config.Image}}' |
        grep -E "^[^ ]+ .*($1)" | head -n 1 | cut -d ' ' -f 1)
    [ -n "$found" ] || fail "no running container of the app has an image that is called like \`$1\`"
    echo "$found"
}

# Tells where a container has its first volume.
volume_of() {
    found=$(docker inspect \
        --format '{{range .Mounts}}{{if eq .Type "volume"}}{{println .Destination}}{{end}}{{end}}' "$1" | head -n 1)
    [ -n "$found" ] || fail "the container \`$1\` has no volume"
    echo "$found"
}

# Asks the app's PostgreSQL, as the user and of the database that its container was made with.
postgres() {
    db=$(container_of_image 'postgres|pgvecto|pgautoupgrade')
    # shellcheck disable=SC2016
    docker exec "$db" sh -c '
        user=${POSTGRES_USER:-postgres}
        exec psql --username="$user" --dbname="${POSTGRES_DB:-$user}" \
            --no-align --tuples-only --quiet --set=ON_ERROR_STOP=1 --command="$1"' sh "$1"
}

# Writes a line to a table of the tests' own in the app's PostgreSQL.
write_line() {
    postgres 'CREATE TABLE IF NOT EXISTS ccci_lines (name text PRIMARY KEY, line text)' 2> "$TMPDIR/notices"
    postgres "INSERT INTO ccci_lines VALUES ('$1', '$2')"
}

# The line of this name has to have this text.
expect_line() {
    expect "the line \`$1\` in the database" "$2" "$(postgres "SELECT line FROM ccci_lines WHERE name = '$1'")"
}

# Makes up a password that is the same in all stages of this run, and that nobody knows who cannot read
# the secrets of the app; the argument is a container that has some.
password_from() {
    secrets=$(docker exec "$1" sh -c 'cat /run/secrets/*') || fail 'the container has no secrets to read'
    printf '%s%s' "$CCCI_RUN_ID" "$secrets" | sha256sum | cut -c 1-32
}

# Asks the app's MySQL or MariaDB, as its administrator and of the database that its container was made with.
mysql() {
    db=$(container_of_image 'mysql|mariadb')
    # shellcheck disable=SC2016
    docker exec "$db" sh -c '
        password=${MYSQL_ROOT_PASSWORD:-${MARIADB_ROOT_PASSWORD:-}}
        file=${MYSQL_ROOT_PASSWORD_FILE:-${MARIADB_ROOT_PASSWORD_FILE:-}}
        [ -z "$file" ] || password=$(cat "$file")
        client=$(command -v mariadb || command -v mysql)
        MYSQL_PWD=$password exec "$client" --user=root --batch --skip-column-names \
            --execute="$1" "${MYSQL_DATABASE:-$MARIADB_DATABASE}"' sh "$1"
}
