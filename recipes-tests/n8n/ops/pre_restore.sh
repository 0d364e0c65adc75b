#!/bin/sh
# Overwrites the workflow that is in the backup, so that only a restore brings its name back.
set -eu
. ./workflow.sh

import backup 'Changed after the backup'
