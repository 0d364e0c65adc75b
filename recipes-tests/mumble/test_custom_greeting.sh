#!/bin/sh
# The server speaks Mumble's protocol: a client that sends its version is told the server's.
set -eu
. ./identity.sh

python3 voice.py greet "$(voice_address)"
