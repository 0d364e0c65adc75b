#!/bin/bash
# Hooks of the backup bot, and the health check: backup, restore or check.
set -eu

dump=/var/lib/mysql/backup.sql
MYSQL_PWD=$(cat /run/secrets/db_root_password)
export MYSQL_PWD

case "${1:-}" in
backup)
    mariadb-dump --user=root --single-transaction --databases "$MARIADB_DATABASE" > "$dump"
    ;;
restore)
    mariadb --user=root < "$dump"
    ;;
check)
    mariadb --user=root --execute="SELECT 1" "$MARIADB_DATABASE" > /dev/null
    ;;
*)
    echo "usage: $0 backup|restore|check" >&2
    exit 2
    ;;
esac
