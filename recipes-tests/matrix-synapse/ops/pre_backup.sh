#!/bin/sh
# Says what the backup has to hold.
set -eu
exec python3 matrix.py seed backup
