# The only door. `make help` shows what is behind it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
SRC := libs/fhircore/src libs/kit/src libs/access/src libs/fhirserver/src services/vis/src services/information-platform/src \
	services/integration-platform/src services/application-platform/src gateway/src deploy/local/src
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --strip-extras --allow-unsafe

##@ The region on this machine

.PHONY: run
run: setup ## start the whole region and stay until Ctrl-C
	@exec $(BIN)/fvm run

.PHONY: up
up: setup ## the same in the background; returns when everything is ready
	@$(BIN)/fvm up

.PHONY: down
down: setup ## stop the background region; data stays
	@$(BIN)/fvm down

.PHONY: reset
reset: setup ## stop the region and remove all its data
	@$(BIN)/fvm reset --yes

.PHONY: status
status: setup ## what runs, how it feels, how much memory it takes
	@$(BIN)/fvm status

.PHONY: logs
logs: setup ## follow the logs of all parts (one: .venv/bin/fvm logs -f vis)
	@$(BIN)/fvm logs -f

.PHONY: doctor
doctor: setup ## check that this machine has what a region needs
	@$(BIN)/fvm doctor

.PHONY: bench
bench: setup ## measure a running demo region; a table, and JSON kept
	@$(BIN)/fvm bench $(ARGS)

##@ Building the house

.PHONY: test
test: setup-tests ## run all tests (one service: make test ARGS=services/vis)
	@$(BIN)/pytest $(ARGS)

.PHONY: check
check: setup-tests ## format, lint, types, import contracts, the shape of the house
	@$(BIN)/ruff format --check --quiet . || { echo "check: some files are not formatted; make fmt mends it" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy $(SRC)
	@$(BIN)/lint-imports
	@if [ -d tests/architecture ]; then $(BIN)/pytest -q tests/architecture; fi

.PHONY: fmt
fmt: setup-tests ## format all code and mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lock
lock: setup ## compile requirements/*.in to locked versions with hashes
	@cd requirements && unset PIP_FIND_LINKS && export CUSTOM_COMPILE_COMMAND="make lock" && \
		../$(COMPILE) --output-file run.txt run.in $(ARGS) && \
		../$(COMPILE) --constraint run.txt --output-file dev.txt dev.in $(ARGS)

##@ Setting up (done by itself when needed)

.PHONY: setup
setup: ## virtual environment, locked dependencies, Kafka's jars
	@deploy/local/bootstrap.sh run

.PHONY: setup-tests
setup-tests: ## the same, and what tests need besides (Chromium, Node)
	@deploy/local/bootstrap.sh test

.PHONY: help
help: ## this page
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nThe operator%ss command: .venv/bin/fvm --help\n' "'"
