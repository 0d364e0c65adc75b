#!/bin/sh
# Runs Synapse when its database answers, and makes the server's signing key at the first start.
#
# afresh: a hook of the backup bot. Synapse remembers much of what it has read, so it ends here, and starts again
#         when the restored database has taken the place of the one that it worked on.
# check:  the health check. Waiting for a restore is nothing to be restarted for.
set -eu

again=/run/synapse-again

case "${1:-}" in
afresh)
    touch "$again"
    synapse=$(cat /run/synapse.pid)
    kill -TERM "$synapse" 2> /dev/null || true
    while kill -0 "$synapse" 2> /dev/null; do
        sleep 0.1
    done
    exit
    ;;
check)
    [ -e "$again" ] || curl --fail --silent --output /dev/null http://127.0.0.1:8008/health
    exit
    ;;
esac

key=/data/$DOMAIN.signing.key
if [ ! -s "$key" ]; then
    generate_signing_key --output_file "$key.part"
    chown 991:991 "$key.part"
    mv "$key.part" "$key"
fi

# database: prints the number of the database that answers; a restored one has another.
database() {
    python3 - <<'PYTHON'
import sys
import psycopg2

password = open("/run/secrets/db_password").read()
try:
    link = psycopg2.connect(host="db", dbname="synapse", user="synapse", password=password, connect_timeout=5)
except psycopg2.OperationalError as error:
    sys.exit(f"waiting for the database: {error}")
row = link.cursor()
row.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
print(row.fetchone()[0])
PYTHON
}

synapse=
before=
trap 'rm -f "$again"; kill -TERM "$synapse" 2> /dev/null || exit 0' TERM INT
rm -f "$again"
while :; do
    until number=$(database) && [ "$number" != "$before" ]; do
        sleep 1
    done
    before=$number
    rm -f "$again"
    /start.py &
    synapse=$!
    echo "$synapse" > /run/synapse.pid
    status=0
    # A signal ends the first wait before Synapse has ended.
    while kill -0 "$synapse" 2> /dev/null; do
        status=0
        wait "$synapse" || status=$?
    done
    [ -e "$again" ] || exit "$status"
done
