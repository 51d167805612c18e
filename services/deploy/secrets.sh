#!/bin/sh
# Makes the secrets of compose.yaml, each a file that only its container's user can read: sudo services/deploy/secrets.sh.
# What is there already stays. Keep a copy elsewhere: whoever loses ROLLCALL_NATS_STORE_KEY loses what NATS
# holds. Put the credentials of the IEC into ROLLCALL_IEC_USERNAME and ROLLCALL_IEC_PASSWORD.
set -eu
umask 077
dir=${1:-$(dirname "$0")/secrets}
mkdir -p "$dir"
cd "$dir"

make_up() { [ -s "$1" ] || openssl rand -hex 32 >"$1"; }

for name in \
  ROLLCALL_NATS_STORE_KEY \
  ROLLCALL_NATS_PASSWORD_SYS \
  ROLLCALL_NATS_PASSWORD_OPERATOR \
  ROLLCALL_NATS_PASSWORD_INVESTIGATOR \
  ROLLCALL_NATS_PASSWORD_AUDITOR \
  ROLLCALL_NATS_PASSWORD_PROVISIONER \
  ROLLCALL_NATS_PASSWORD_GATEWAY \
  ROLLCALL_NATS_PASSWORD_UPLOAD \
  ROLLCALL_NATS_PASSWORD_VALIDATION \
  ROLLCALL_NATS_PASSWORD_IEC \
  ROLLCALL_NATS_PASSWORD_PERSISTENCE \
  ROLLCALL_NATS_PASSWORD_REPORT \
  ROLLCALL_NATS_PASSWORD_WEBHOOK \
  ROLLCALL_NATS_PASSWORD_PRIVACY \
  ROLLCALL_NATS_PASSWORD_REVOKER \
  POSTGRES_PASSWORD \
  ROLLCALL_DATABASE_PASSWORD_UPLOAD \
  ROLLCALL_DATABASE_PASSWORD_PERSISTENCE \
  ROLLCALL_DATABASE_PASSWORD_WEBHOOK \
  ROLLCALL_DATABASE_PASSWORD_PRIVACY \
  ROLLCALL_PRIVACY_KEY \
  ROLLCALL_IEC_CACHE_KEY; do
  make_up "$name"
done

# Each service signs in to PostgreSQL as its own role, and migrate as the owner.
connect() {
  rm -f "ROLLCALL_DATABASE_$1"
  echo "host=postgres user=$2 dbname=rollcall sslmode=disable password=$(cat "$3")" >"ROLLCALL_DATABASE_$1"
}
connect MIGRATE rollcall POSTGRES_PASSWORD
for service in upload persistence webhook privacy; do
  name=$(echo "$service" | tr a-z A-Z)
  connect "$name" "rollcall_$service" "ROLLCALL_DATABASE_PASSWORD_$name"
done

for name in ROLLCALL_IEC_USERNAME ROLLCALL_IEC_PASSWORD; do
  [ -s "$name" ] || { : >"$name"; echo "write the IEC's into $dir/$name"; }
done

chmod 400 ./*
if [ "$(id -u)" = 0 ]; then
  # The users of the containers. Nobody else on this machine should have these numbers.
  chown 10001:10001 ./*
  chown 70:70 POSTGRES_PASSWORD
else
  echo "not root: run it again with sudo, so that the users of the containers can read their files"
fi
