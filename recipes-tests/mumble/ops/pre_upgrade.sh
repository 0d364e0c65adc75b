#!/bin/sh
# Notes before the upgrade which certificate the server is known by, and registers a user with a comment.
set -eu
. ./identity.sh

remember
keep_user 'written before the upgrade'
