#!/bin/sh
# Takes back what the backup holds, says something that it cannot hold, and takes the room's address away.
set -eu
exec python3 matrix.py lose backup
