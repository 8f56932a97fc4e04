#!/bin/sh
# Makes the passwords of the composed stack and its .env. What exists is kept: run it as often as you like.
set -eu
cd "$(dirname "$0")/../.."
secrets=${1:-./secrets}
umask 077
mkdir -p "$secrets"
# Nobody passes this folder, so the files in it may be readable: inside a container another user reads them.
chmod 700 "$secrets"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() {
  [ -e "$secrets/$1" ] || printf '%s\n' "$2" > "$secrets/$1"
  chmod 444 "$secrets/$1"
}

keep postgres_password "$(random)"
keep flowgauge_password "$(random)"
keep grafana_password "$(random)"
keep owner_url "postgres://postgres:$(cat "$secrets/postgres_password")@postgres:5432/app"
# The watched database. Yours instead: write its URL into this file.
keep source_url "postgres://flowgauge:$(cat "$secrets/flowgauge_password")@postgres:5432/app"
keep store_url "postgres://flowgauge:$(cat "$secrets/flowgauge_password")@postgres:5432/app"

if [ ! -e .env ]; then
  sed "s|^FLOWGAUGE_SECRETS=.*|FLOWGAUGE_SECRETS=$secrets|" .env.example > .env
  echo "Wrote .env"
fi
echo "The secrets are in $secrets. Grafana: user admin, password in $secrets/grafana_password"
