#!/usr/bin/env bash
# Runs every fuzz test for FUZZTIME (default 10s); go test takes one test of one package at a time.
cd -P "$(dirname "$0")/.." && . scripts/env.sh

patterns=$(all_packages)
# shellcheck disable=SC2086
packages=$(go list $patterns)
for pkg in $packages; do
	names=$(go test -list '^Fuzz' "$pkg" | sed -n '/^Fuzz/p')
	for name in $names; do
		say "$pkg $name"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-10s}" "$pkg"
	done
done
