#!/usr/bin/env bash
# Formats every module's code with the pinned linter's formatters; gofmt where it cannot be had.
cd -P "$(dirname "$0")/.." && . scripts/env.sh

if ! linter=$(tool golangci-lint); then
	echo 'golangci-lint cannot be had; gofmt instead, without gofumpt and the order of imports'
	exec gofmt -l -w .
fi
dirs=$(module_dirs)
for dir in $dirs; do
	(cd "$dir" && "$linter" fmt ./...)
done
