#!/usr/bin/env bash
# Brings every module's go.mod in line with its imports, each as it is outside of the workspace.
cd -P "$(dirname "$0")/.." && . scripts/env.sh

dirs=$(go list -m -f '{{.Dir}}')
for dir in $dirs tools; do
	# -e: tidy also wants what the tests of dependencies use, and some of it cannot be had any more (it says so).
	# Our own packages lack nothing: make test builds each module alone.
	(cd "$dir" && GOWORK=off go mod tidy -e)
done
