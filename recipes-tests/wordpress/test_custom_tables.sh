#!/bin/sh
# A site that is set up has WordPress's tables in its database, and the title that was asked for among its options.
set -eu
. ./site.sh

set_up
db=$(docker ps --quiet --filter "label=com.docker.swarm.service.name=${CCCI_STACK}_db" | head -n 1)

# Asks the database as WordPress's own user; the password stays in the container.
ask() {
    # shellcheck disable=SC2016
    docker exec "$db" sh -c \
        'MYSQL_PWD=$(cat /run/secrets/db_password) mariadb --user=wordpress --batch --skip-column-names \
            --execute="$1" wordpress' sh "$1"
}

tables=$(ask 'SHOW TABLES')
for table in wp_options wp_posts wp_users; do
    echo "$tables" | grep -qx "$table" || fail "there is no table $table, only: $tables"
done

found=$(ask 'SELECT option_value FROM wp_options WHERE option_name = "blogname"')
[ "$found" = "$title" ] || fail "the site is called \`$found\`, set up was \`$title\`"
