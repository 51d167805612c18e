#!/bin/sh
# Starts nats-server with each file of a folder as a variable, named as the file is: nats-server reads passwords
# from its environment only.
#
#   ROLLCALL_NATS_SECRETS=/run/secrets start.sh -c nats.conf
set -eu
for file in "$ROLLCALL_NATS_SECRETS"/ROLLCALL_NATS_*; do
  [ -r "$file" ] || { echo "start: cannot read $file" >&2; exit 1; }
  value=$(cat "$file")
  [ -n "$value" ] || { echo "start: $file is empty" >&2; exit 1; }
  export "${file##*/}=$value"
done
exec nats-server "$@"
