#!/bin/sh
# A file that is sent comes back as it was.
set -eu
exec python3 matrix.py upload
