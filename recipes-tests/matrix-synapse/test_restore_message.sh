#!/bin/sh
# What was taken back after the backup can be read again, the room has its address, and what came later is gone.
set -eu
exec python3 matrix.py expect backup
