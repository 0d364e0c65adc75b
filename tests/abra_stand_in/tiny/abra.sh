# The version of the config.
export ENTRY_VERSION=v1

# Leaves a mark, so that a test sees whether it ran.
mark() {
  echo "$1 of $STACK_NAME" > /data/marked.txt
}
