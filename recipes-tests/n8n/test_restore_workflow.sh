#!/bin/sh
# The workflow has the name again that it had when the backup was made.
set -eu
. ./workflow.sh

expect_workflow backup 'Made before the backup'
