#!/bin/sh
# A workflow that is imported can be exported again.
set -eu
. ./workflow.sh

import custom 'Made to be read back'
