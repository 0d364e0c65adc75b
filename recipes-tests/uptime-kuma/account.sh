# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# Reads the password of the tests' account, which is made up once and lives in the app's own volume.
read_password() {
    app=$(container app)
    # shellcheck disable=SC2016
    password=$(docker exec "$app" sh -c '
        [ -s "$1" ] || (umask 077 && head -c 16 /dev/urandom | od -An -tx1 | tr -d " \n" > "$1")
        cat "$1"' sh "$(volume_of "$app")/ccci-password")
}

# Sends one event over the app's socket and prints the answer as JSON; the arguments are JSON too.
emit() {
    PASSWORD=$password python3 ./socket_io.py "$@"
}

# Makes the first account of a fresh app.
set_up() {
    read_password
    answer=$(emit setup '"keeper"' '"$PASSWORD"')
    expect "whether the account was made ($answer)" True "$(echo "$answer" | value /ok)"
}

# The account has to be let in.
expect_login() {
    read_password
    answer=$(emit login '{"username": "keeper", "password": "$PASSWORD", "token": ""}')
    # What it answers holds a token, so it is not shown.
    expect 'whether the account is let in' True "$(echo "$answer" | value /ok)"
}
