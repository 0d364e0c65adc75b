#!/bin/sh
# The workflow that was imported before the upgrade is still there.
set -eu
. ./workflow.sh

expect_workflow upgrade 'Made before the upgrade'
