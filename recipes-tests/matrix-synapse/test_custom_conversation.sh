#!/bin/sh
# Somebody who is invited to a room hears what is said there.
set -eu
exec python3 matrix.py converse
