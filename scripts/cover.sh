#!/usr/bin/env bash
# Measures which statements all modules' tests run together, and writes the profile to cover.out.
cd -P "$(dirname "$0")/.." && . scripts/env.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export BURDOCK_DB="$scratch/burdock.db"

packages=$(all_packages)
# shellcheck disable=SC2086
go test -coverpkg="$(paste -sd, - <<<"$packages")" -coverprofile=cover.out $packages
go tool cover -func=cover.out | tail -n 1
echo 'each line: go tool cover -html=cover.out'
