# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

title="Site of $CCCI_APP_DOMAIN"

# Sends the set-up form as a person would; a site that is set up already stays as it is.
set_up() {
    password=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
    request '/wp-admin/install.php?step=2' --output "$TMPDIR/set-up.html" \
        --data-urlencode "weblog_title=$title" \
        --data-urlencode 'user_name=keeper' \
        --data-urlencode "admin_password=$password" \
        --data-urlencode "admin_password2=$password" \
        --data-urlencode 'pw_weak=1' \
        --data-urlencode 'admin_email=keeper@example.com' \
        --data-urlencode 'blog_public=0'
    grep -q -e 'Success!' -e 'Already Installed' "$TMPDIR/set-up.html" || {
        cp "$TMPDIR/set-up.html" "$CCCI_ARTIFACTS/"
        fail 'WordPress did not accept the set-up form, see set-up.html among the artifacts'
    }
}
