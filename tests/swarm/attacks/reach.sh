# Reaches for what is none of a test's business, and notes what it got; `@ROOT@` is the world around it.
root=@ROOT@
out="$CCCI_ARTIFACTS/reached.txt"
read_from() { if cat "$2" 2> /dev/null | grep -aq stolen; then echo "read $1" >> "$out"; fi; }
write_to() { if (echo x > "$2") 2> /dev/null; then echo "wrote $1" >> "$out"; fi; }

# Of itself and of all who started it, ccci among them.
read_from own-environment /proc/self/environ
process=$PPID
while [ "$process" -gt 1 ]; do
  read_from "environment of $(cat "/proc/$process/comm")" "/proc/$process/environ"
  process=$(cut -d ' ' -f 4 "/proc/$process/stat")
done
# What works anywhere shows that the others would be noticed.
read_from control "$(dirname "$0")/control.txt"
read_from token "$root/token"
ln -s "$root/token" "$TMPDIR/link" && read_from token-by-link "$TMPDIR/link"
ln "$root/token" "$TMPDIR/hard" 2> /dev/null && read_from token-by-name "$TMPDIR/hard"
mv "$root/token" "$TMPDIR/moved" 2> /dev/null && read_from token-moved "$TMPDIR/moved"
read_from secrets "$root/vault/key"
read_from docker-login "$root/home/.docker/config.json"
read_from key "$root/home/.ssh/id"
read_from other-run "$root/state/runs/other/report.json"
for file in $(find "$root/state" "$root/home" -type f 2> /dev/null); do
  case "$file" in */recipe-tests/*) ;; *) read_from "$(basename "$file")" "$file" ;; esac
done

write_to kept-test "$root/kept/plain/test_new.sh"
write_to approval "$root/kept/repo-local-approved.txt"
write_to other-run "$root/state/runs/other/report.json"
write_to state "$root/state/new"
write_to home "$root/home/.profile"
write_to settings "$root/home/.config"
write_to anywhere "$root/anywhere"
write_to scratch "$TMPDIR/x"
write_to artifacts "$CCCI_ARTIFACTS/x"
test -n "$SSH_AUTH_SOCK" && echo "has the agent" >> "$out"
kill -0 "$PPID" 2> /dev/null && echo "could end ccci" >> "$out"
exit 0
