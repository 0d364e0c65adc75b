# Functions that both references share: render and deploy the static site, see whether it is up, reach it.
#
# Sourced by lifecycle.sh and stack_rm.sh, with these set:
#   stack   the name of the stack
#   domain  what the site answers to
#   work    an empty directory, in which the checkout is made

label="com.docker.stack.namespace=$stack"

die() {
    echo "$0: $*" >&2
    exit 1
}

# A reference that fails leaves nothing either; one that succeeds pays nothing for it.
clean() {
    status=$?
    [ "$status" -ne 0 ] || return 0
    trap - EXIT
    docker stack rm "$stack" > /dev/null 2>&1 || true
    # A task that was about to start can make its volume after all, so one empty look is not enough.
    empty=0 tries=300
    while [ "$empty" -lt 2 ] && [ "$tries" -gt 0 ]; do
        tries=$((tries - 1))
        volumes=$(docker volume ls --quiet --filter "label=$label")
        if [ -z "$volumes" ]; then
            empty=$((empty + 1))
            sleep 2
        else
            empty=0
            # shellcheck disable=SC2086
            docker volume rm $volumes > /dev/null 2>&1 || sleep 0.1
        fi
    done
    exit "$status"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Shows a release in the work tree, renders its compose file and hands it to the swarm.
deploy() {
    git -C "$work/recipe" checkout --quiet --detach "$1"
    (
        cd "$work/recipe"
        # shellcheck source=/dev/null
        . ./abra.sh
        STACK_NAME=$stack DOMAIN=$domain LETS_ENCRYPT_ENV='' EXTRA_DOMAINS='' \
            docker stack config --compose-file compose.yml > "$work/rendered.yml"
        docker stack deploy --detach=true --resolve-image never --compose-file "$work/rendered.yml" "$stack" \
            > /dev/null
    )
}

# Repeats a command every 100 ms until it succeeds, for half a minute at most.
poll() {
    tries=300
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || die "gave up waiting: $*"
        sleep 0.1
    done
}

# Every service has the tasks it should have; swarm counts a task only when its health check has passed.
converged() {
    [ "$(docker service ls --filter "label=$label" --format '{{.Replicas}}')" = 1/1 ]
}

# Finds the address of the app's container on the gateway network.
locate() {
    container=$(docker ps --quiet --filter "label=$label" --filter health=healthy | head -n 1)
    [ -n "$container" ] || return 1
    sandbox=$(docker inspect --format '{{slice .NetworkSettings.SandboxID 0 12}}' "$container") || return 1
    address=$(docker network inspect docker_gwbridge \
        --format "{{range .Containers}}{{if eq .Name \"gateway_$sandbox\"}}{{.IPv4Address}}{{end}}{{end}}")
    address=${address%/*}
    [ -n "$address" ]
}

# The site answers by its domain; where it is must be known.
answers() {
    curl --silent --fail --max-time 5 --output /dev/null --header "Host: $domain" "http://$address/"
}

reachable() {
    locate && answers
}
