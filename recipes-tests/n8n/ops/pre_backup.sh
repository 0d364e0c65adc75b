#!/bin/sh
# Imports a workflow that the backup has to hold.
set -eu
. ./workflow.sh

import backup 'Made before the backup'
