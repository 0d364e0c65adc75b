#!/bin/sh
# A note that anybody writes can be read back.
set -eu
. ./note.sh

write_note custom "$mark: written to be read"
expect_note custom "$mark: written to be read"
