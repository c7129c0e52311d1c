# What every script here begins with: source it from the root of the repository.
# shellcheck shell=bash
set -euo pipefail

# The workspace of this repository, whatever the caller's setting is.
export GOWORK="$PWD/go.work"

# module_dirs prints the directory of every module of the workspace, relative to the root; not of one without Go files,
# where go test ./... and its like fail.
module_dirs() {
	local dir
	go list -m -f '{{.Dir}}' | while read -r dir; do
		dir=".${dir#"$PWD"}"
		if [ -n "$(find "$dir" -name '*.go' -print -quit)" ]; then
			printf '%s\n' "$dir"
		fi
	done
}

# all_packages prints the patterns that match every package of every module.
all_packages() {
	module_dirs | sed 's|$|/...|'
}

# tool prints the path of a program pinned in tools/go.mod; it is built the first time.
tool() {
	(cd tools && GOWORK=off go tool -n "$1")
}

# say prints a heading between the parts of a longer run.
say() {
	printf '\n== %s\n' "$*"
}
