# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# Runs Mailu's own command line in the container of its administration.
mailu() {
    docker exec "$(container_of_image 'mailu/admin')" flask mailu "$@" > "$TMPDIR/mailu.log" 2>&1 || {
        cat "$TMPDIR/mailu.log" >&2
        fail "flask mailu $1 failed"
    }
}

# Names the domain of the tests' mailboxes, which exists nowhere.
domain=ccci.example.com

# Makes the domain.
set_up() {
    mailu domain "$domain"
}

# Makes the mailbox of a word; nobody is told its password.
make_mailbox() {
    mailu user "$1" "$domain" "$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')"
}

# Tells whether Mailu knows the mailbox of a word.
known() {
    mailu config-export user.email
    if grep -qF "$1@$domain" "$TMPDIR/mailu.log"; then echo yes; else echo no; fi
}
