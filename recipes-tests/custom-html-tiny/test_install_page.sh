#!/bin/sh
# A fresh server has nothing to show, and then shows the first page that is put into its volume.
set -eu
. ./page.sh

expect 'the status of `/` on an empty volume' 404 "$(status /)"
publish index.html 'the first page'
expect_page '' 'the first page'
