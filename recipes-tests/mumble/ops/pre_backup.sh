#!/bin/sh
# Notes before the backup which certificate the server is known by.
set -eu
. ./identity.sh

remember
