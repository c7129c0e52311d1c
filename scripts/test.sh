#!/usr/bin/env bash
# Runs every check of `make test`: all modules' tests, each module alone, the linter. One run shows all failures.
cd -P "$(dirname "$0")/.." && . scripts/env.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# No test opens the user's database, not even one that forgets to name its own.
export BURDOCK_DB="$scratch/burdock.db"
dirs=$(module_dirs)
packages=$(all_packages)
failed=

scripts/postgres.sh || echo 'going on without it: the tests of store/pgstore are skipped'

race=
how='without the race detector'
if [ "$(go env CGO_ENABLED)" != 1 ]; then
	how+=' (it needs a C compiler)'
elif ! go build -race -o "$scratch/" ./internal/testlog >"$scratch/race.log" 2>&1; then
	how+=" (it cannot be built here: $(tail -n 1 "$scratch/race.log"))"
else
	race=-race
	how='with the race detector'
fi

say "all tests, $how"
go build -o "$scratch/testlog" ./internal/testlog
# Several words each: module directories have no spaces, and race may be nothing.
# shellcheck disable=SC2086
go test -json $race -shuffle=on -timeout=20m $packages | "$scratch/testlog" || failed+=', tests'
tests_took=$SECONDS

say 'each module builds outside of the workspace'
for dir in $dirs; do
	if (cd "$dir" && GOWORK=off go build -o /dev/null ./...); then
		echo "ok  	$dir"
	else
		echo "FAIL	$dir"
		failed+=", build of $dir"
	fi
done

say 'linter (the first run builds it, which takes minutes)'
scripts/lint.sh || failed+=', linter'

if [ -n "$failed" ]; then
	printf '\nmake test: FAILED: %s\n' "${failed#, }"
	exit 1
fi
printf '\nmake test: all passed, %s, in %d s (tests %d s)\n' "$how" "$SECONDS" "$tests_took"
