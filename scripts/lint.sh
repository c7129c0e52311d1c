#!/usr/bin/env bash
# Runs the pinned linter in every module; go vet and staticcheck where it cannot be had.
cd -P "$(dirname "$0")/.." && . scripts/env.sh

dirs=$(module_dirs)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# check runs a linter in every module, so that one run shows all problems.
check() {
	local dir failed=0
	for dir in $dirs; do
		if (cd "$dir" && "$@"); then
			echo "ok  	$dir"
		else
			echo "FAIL	$dir"
			failed=1
		fi
	done
	return "$failed"
}

if linter=$(tool golangci-lint 2>"$log"); then
	echo "golangci-lint $("$linter" version --short)"
	check "$linter" run ./...
	exit
fi

echo 'golangci-lint cannot be had, its checks are skipped; the reason:'
tail -n 3 "$log"
failed=0
echo 'go vet instead'
check go vet ./... || failed=1
if staticcheck=$(tool staticcheck 2>"$log"); then
	echo 'staticcheck instead'
	check "$staticcheck" ./... || failed=1
else
	echo 'staticcheck cannot be had either, it is skipped; the reason:'
	tail -n 3 "$log"
fi
exit "$failed"
