#!/bin/sh
# The empty server of a fresh install serves the first page that is put into its volume.
set -eu
. ./page.sh

publish "$mark-install.txt" 'the first page'
expect_page "$mark-install.txt" 'the first page'
