#!/bin/sh
# Makes an account and a room, and says something there, so that the upgrade has something to lose.
set -eu
exec python3 matrix.py seed upgrade
