#!/usr/bin/env bash
# Runs the tests that take minutes: the review of Go's own source in a process of its own, once undisturbed within 90 s
# and 500 MB, and once killed with SIGKILL in the middle and resumed. REVIEW_KILLS=1000 go test -run Killed -timeout 2h
# ./review, in examples, is the longer form of what make test does with smaller reviews. Then the faults of sqlitestore:
# every statement fails once and every 512th byte is damaged, where make test tries a sample.
cd -P "$(dirname "$0")/.." && . scripts/env.sh

say 'review of GOROOT/src, killed and resumed'
cd examples
REVIEW_GOROOT=1 go test -count=1 -v -timeout=20m -run='^TestStandardLibraryAsAJob$' ./review
cd ..

say 'every fault of sqlitestore'
BURDOCK_THOROUGH=1 go test -count=1 -timeout=20m ./store/sqlitestore
