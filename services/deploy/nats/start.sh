#!/bin/sh
# Starts nats-server with each file of a folder as a variable, named as the file is: nats-server reads passwords
# from its environment only. Where rollcall is installed, it first looks whether the key is that of the store: with
# another one nats-server starts without its streams, and deletes from the disk what is then made again.
#
#   ROLLCALL_NATS_SECRETS=/run/secrets start.sh -c nats.conf
set -eu
for file in "$ROLLCALL_NATS_SECRETS"/ROLLCALL_NATS_*; do
  [ -r "$file" ] || { echo "start: cannot read $file" >&2; exit 1; }
  value=$(cat "$file")
  [ -n "$value" ] || { echo "start: $file is empty" >&2; exit 1; }
  export "${file##*/}=$value"
done
if command -v rollcall >/dev/null; then
  rollcall encrypt --check --store "${ROLLCALL_NATS_STORE:?}"
fi
exec nats-server "$@"
