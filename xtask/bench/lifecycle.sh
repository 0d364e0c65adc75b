#!/bin/sh
# The whole life of the static site by hand: what `ccci test` is measured against.
#
# usage: lifecycle.sh RECIPE BASE HEAD STACK DOMAIN WORK
#
# It does what a person would do with docker and git for the same effect, and no more:
#   clone the recipe, deploy BASE, wait until it has converged and answers;
#   plant a canary, deploy HEAD over it, wait until swarm calls the update complete and the site answers, read the canary;
#   save the volume as an archive, change the canary, restore the archive, compare;
#   remove services, containers, network, config and volume, and look until two scans two seconds apart find nothing.
# Every wait polls every 100 ms and ends with the first success. Nothing sleeps otherwise, but for the two seconds
# between the scans, which ccci waits as well. Calls are not made side by side, as in any script.
#
# It does not do what ccci does beside that, and so has less work: no lock, no journal, no inventory of the swarm before
# and after, no check of the disk, of names or of the compose policy, no look at restarting tasks or at labels, no second
# look at health after a stage, no look into the archive, no logs, no report.
set -eu

recipe=$1 base=$2 head=$3 stack=$4 domain=$5 work=$6
. "$(dirname "$0")/stack.sh"

html=/usr/share/nginx/html

# Writes the canary's text to the volume.
plant() {
    printf '%s\n' "$1" > "$work/canary"
    docker cp --quiet "$work/canary" "$container:$html/canary"
}

# Checks that the volume holds the canary's text.
holds() {
    [ "$(docker cp "$container:$html/canary" - | tar -xO)" = "$1" ] || die "the canary is not \`$1\`"
}

# Swarm has called the update complete; anything but progress ends the script.
updated() {
    state=$(docker service inspect --format '{{.UpdateStatus.State}}' "${stack}_app")
    case $state in
    completed) ;;
    updating) return 1 ;;
    *) die "the update is $state" ;;
    esac
}

# Lists what is left of the stack.
scan() {
    docker service ls --quiet --filter "label=$label"
    docker ps --all --quiet --filter "label=$label"
    for kind in network secret config volume; do
        docker $kind ls --quiet --filter "label=$label"
    done
}

# Removes the stack's containers; true when none is left.
without_containers() {
    containers=$(docker ps --all --quiet --filter "label=$label")
    [ -n "$containers" ] || return 0
    # One that went by itself meanwhile is no error: the next look decides.
    # shellcheck disable=SC2086
    docker rm --force --volumes $containers > /dev/null 2>&1 || true
    return 1
}

# Removes what is left of one kind.
remove() {
    names=$(docker "$1" ls --quiet --filter "label=$label")
    # shellcheck disable=SC2086
    [ -z "$names" ] || docker "$1" rm $names > /dev/null
}

# install
git clone --quiet "$recipe" "$work/recipe"
deploy "$base"
poll converged
poll reachable

# upgrade
plant before-upgrade
deploy "$head"
poll updated
poll reachable
holds before-upgrade

# backup
plant before-backup
docker cp "$container:$html" - > "$work/backup.tar"

# restore
plant after-backup
docker cp - "$container:$(dirname $html)" < "$work/backup.tar"
holds before-backup
poll answers

# teardown
docker service rm "${stack}_app" > /dev/null
tries=300
until without_containers; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || die "the containers do not go"
done
for kind in network secret config volume; do
    remove $kind
done
[ -z "$(scan)" ] || die "something is left"
sleep 2
[ -z "$(scan)" ] || die "something came back"
