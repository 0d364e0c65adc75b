# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# What the site is called.
title="Site of run $CCCI_RUN_ID"

# Sets the site up as a person would on the first visit.
set_up() {
    db=$(container_of_image 'mysql|mariadb')
    send /ghost/api/admin/authentication/setup/ "{\"setup\": [{\"name\": \"Keeper\", \"email\": \"keeper@example.com\",
        \"password\": \"$(password_from "$db")\", \"blogTitle\": \"$title\"}]}" > "$TMPDIR/made.json"
}

# Reads the title out of the database.
stored_title() {
    # shellcheck disable=SC2016
    mysql 'SELECT value FROM settings WHERE `key` = "title"'
}
