#!/bin/sh
# What was said before the upgrade can be read, by an account and a room's address from before.
set -eu
exec python3 matrix.py expect upgrade
