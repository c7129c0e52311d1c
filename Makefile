# Every target needs Go, git and make. The longer ones are scripts in scripts/.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help build test lint fmt bench cover fuzz crash tidy

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

build: ## compile every module; the command is bin/burdock
	go build -o bin/ ./cmd/burdock
	@. scripts/env.sh && packages=$$(all_packages) && go build -o /dev/null $$packages

test: ## run every module's tests, the linter and the tests of architecture
	@scripts/test.sh

lint: ## run the linter alone
	@scripts/lint.sh

fmt: ## format the code as the linter wants it
	@scripts/fmt.sh

bench: ## compare with raw Go: one line per budget; fails when one is over
	@cd bench && go run .

cover: ## measure the tests' coverage of all modules together
	@scripts/cover.sh

fuzz: ## run every fuzz test for a short time (FUZZTIME=10s)
	@scripts/fuzz.sh

ROUNDS ?= 1000
SEED ?= 1
crash: ## kill random applications at random moments (ROUNDS=1000, from SEED=1)
	@go test ./store/sqlitestore/crashtest -run TestKilledProcesses -count=1 -timeout=0 -v -artifacts -outputdir="$${TMPDIR:-/tmp}" -rounds=$(ROUNDS) -seed=$(SEED)

tidy: ## update every go.mod
	@scripts/tidy.sh
