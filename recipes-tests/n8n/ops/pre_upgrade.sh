#!/bin/sh
# Imports a workflow before the upgrade, so that the upgrade has something to lose.
set -eu
. ./workflow.sh

import upgrade 'Made before the upgrade'
