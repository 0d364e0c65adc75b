#!/bin/sh
# Notes before the backup which certificate the server is known by, and gives a user a comment that the backup holds.
set -eu
. ./identity.sh

remember
keep_user 'written before the backup'
