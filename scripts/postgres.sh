#!/usr/bin/env bash
# Installs PostgreSQL's programs for the tests of store/pgstore where they are missing and this is a Debian run by root.
# No server is set up or started by that: each run of the tests makes its own in a temporary folder.
set -euo pipefail

if command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
	exit
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "scripts/postgres.sh: PostgreSQL is missing and cannot be installed without root and apt-get" >&2
	exit 1
fi
echo 'scripts/postgres.sh: installing postgresql'
# The package would set up a server on the usual port; nobody asked for one.
quiet=/etc/postgresql-common/createcluster.d/burdock-tests.conf
mkdir -p "${quiet%/*}"
trap 'rm -f "$quiet"' EXIT
echo 'create_main_cluster = false' >"$quiet"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql </dev/null >/dev/null
