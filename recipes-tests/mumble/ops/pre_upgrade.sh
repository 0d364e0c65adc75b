#!/bin/sh
# Notes before the upgrade which certificate the server is known by.
set -eu
. ./identity.sh

remember
