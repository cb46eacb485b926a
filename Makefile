# `make run` and `make test` need nothing but Python 3.11 with its venv module; everything else is fetched by them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run stop test check fmt bench soak clean

PYTHON ?= python3
BIN := .venv/bin
RUNS := .venv/installed-local
TESTS := .venv/installed-all
BROWSER := .venv/browser
BEGAN := $(shell date +%s.%N)

# Where this is set, every one of hundreds of processes compiles all that it imports anew: two seconds each.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: $(RUNS) ## Run everything here until Ctrl-C (SIMULATE=0: without the simulator)
	@SIMULATE=$(or $(SIMULATE),1) exec $(BIN)/hearback up --began $(BEGAN)

stop: $(RUNS) ## Stop what runs here, in order; the data stays
	@$(BIN)/hearback stop

test: $(TESTS) $(BROWSER) ## Run all tests, in two processes, each on a Kafka and a PostgreSQL of its own
	$(BIN)/pytest -m "not soak" --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: $(TESTS) ## Format, lint, types, import directions, the schemas of the contracts, the manifests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m shared.contracts.schemas --check
	$(BIN)/python -m shared.contracts.asyncapi --check
	$(BIN)/python -m deploy.check

fmt: $(TESTS) ## Format the code and sort its imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(TESTS) ## Measure, one script after the other; three quarters of an hour and 15 GB of disk
	@for figure in ingest redaction scoring timers latency imports seen; do echo "== $$figure"; $(BIN)/python -m bench.$$figure || exit 1; done

soak: $(TESTS) ## Run the full-size tests; commit the result that they leave in tests/soak.txt
	@set -o pipefail; { git log -1 --format='commit %H'; $(BIN)/pytest -m soak; } | tee tests/soak.txt

# Debian's Chromium and Chinese letters, for the tests of pages. Whoever may not install them runs without these tests, which say so.
$(BROWSER): $(TESTS)
	@command -v chromium >/dev/null && fc-list :lang=zh 2>/dev/null | grep -q . \
	    || { test "$$(id -u)" = 0 && echo "installing Chromium for the tests of pages" \
	        && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
	            chromium fontconfig fonts-noto-cjk >/dev/null; } \
	    || echo "tests of pages are left out: install the packages chromium, fontconfig and fonts-noto-cjk, then remove $@"
	@touch $@

clean: ## Remove all data of the local stack
	@if [ -e .hearback/lock ] && ! flock --nonblock .hearback/lock true; then \
	    echo "the stack runs here: stop it first with \`make stop\`" >&2; exit 1; fi
	rm -rf .hearback

# `local` is what runs the product here; `all` adds what tests and checks it. A mirror that pip is told of holds for uv too.
.venv/installed-%: export UV_DEFAULT_INDEX = $(or $(PIP_INDEX_URL),$(shell pip config get global.index-url 2>/dev/null))
.venv/installed-%: export UV_SYSTEM_CERTS = true
.venv/installed-%: requirements/%.txt requirements/installer.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Python 3.11 or newer is needed: install it, or name one with PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	    || { echo "this Python cannot make virtual environments: install its venv module, on Debian \`apt-get install python3-venv\`" >&2; exit 1; }
	@echo "making .venv from $<; only the first time, and when that file changes"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@{ $(BIN)/pip install --disable-pip-version-check --quiet --no-compile --require-hashes -r requirements/installer.txt \
	    && $(BIN)/uv pip install --python $(BIN)/python --require-hashes -r $< \
	    && $(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation -e . ; } 2>&1 | tee .venv/refused \
	    | grep --line-buffered -E '^ ?(Resolved|Downloading|Prepared|Installed) '; test $${PIPESTATUS[0]} = 0 \
	    || { echo "cannot install the requirements ($$(grep -i -E 'error|failed|caused' .venv/refused | tail -1)): check the network and the disk, then start again" >&2; exit 1; }
	@touch $@
