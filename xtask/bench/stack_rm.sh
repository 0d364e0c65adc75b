#!/bin/sh
# Removes the static site as most people do, with `docker stack rm`, and prints how many milliseconds that took.
#
# usage: stack_rm.sh RECIPE HEAD STACK DOMAIN WORK
#
# The clock runs from `docker stack rm` until no service, container, network, config or volume of the stack is listed,
# looked for every 100 ms. `docker stack rm` leaves volumes, so they are removed as soon as docker allows it. There is no
# quiet window and no second scan, which are part of ccci's time. Deploying the site is not part of the time.
set -eu

recipe=$1 head=$2 stack=$3 domain=$4 work=$5
. "$(dirname "$0")/stack.sh"

# True when nothing of the stack is listed; a volume that a dying task holds is tried again at the next look.
gone() {
    volumes=$(docker volume ls --quiet --filter "label=$label")
    # shellcheck disable=SC2086
    [ -z "$volumes" ] || docker volume rm $volumes > /dev/null 2>&1 || return 1
    [ -z "$(docker service ls --quiet --filter "label=$label")" ] || return 1
    [ -z "$(docker ps --all --quiet --filter "label=$label")" ] || return 1
    [ -z "$(docker network ls --quiet --filter "label=$label")" ] || return 1
    [ -z "$(docker config ls --quiet --filter "label=$label")" ]
}

git clone --quiet "$recipe" "$work/recipe"
deploy "$head"
poll converged
poll reachable

begin=$(date +%s%N)
docker stack rm "$stack" > /dev/null
poll gone
end=$(date +%s%N)
echo $(((end - begin) / 1000000))
