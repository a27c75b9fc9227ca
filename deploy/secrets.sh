#!/usr/bin/env bash
# Makes the secrets that deploy/compose.yaml hands out as files: deploy/secrets.sh [FOLDER]. What is there already stays.
# FVM_REGION names the region as in deploy/env/region.env; POSTGRES says where the database server is, and POSTGRES_OPTIONS how it is
# spoken to ('?sslmode=verify-full&sslrootcert=/certificates/ca.pem' for compose.tls.yaml).
set -euo pipefail
umask 077

readonly FOLDER="${1:-$(dirname "$0")/secrets}" REGION="${FVM_REGION:-}" POSTGRES="${POSTGRES:-postgres:5432}" OPTIONS="${POSTGRES_OPTIONS:-}"

password() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
keep() { # keep NAME VALUE: a file of this content, unless there is one
    [[ -s "$FOLDER/$1" ]] || printf '%s\n' "$2" >"$FOLDER/$1"
}

mkdir -p "$FOLDER"
keep postgres_password "$(password)"
keep postgres_url "postgresql://postgres:$(<"$FOLDER/postgres_password")@$POSTGRES/postgres$OPTIONS"
for service in vis information exchange application; do
    role="${REGION:-fvm}_$service"
    keep "${service}_database_url" "postgresql://$role:$(password)@$POSTGRES/$role$OPTIONS"
done
# What wraps the keys that patients' data is sealed with: without them nothing of it can be read again.
for service in vis information exchange application; do
    keep "${service}_master_key" "$(head -c 32 /dev/urandom | base64)"
done
# Kafka's users, for compose.tls.yaml: a file each, and all together for the broker.
users=()
for user in broker fvm vis information exchange application; do
    keep "${user}_kafka_password" "$(password)"
    users+=("$user=$(<"$FOLDER/${user}_kafka_password")")
done
keep kafka_users "$(printf '%s\n' "${users[@]}")"
# The containers' user (10001) must be able to read them; the folder keeps everybody else out.
chmod 0644 "$FOLDER"/*
