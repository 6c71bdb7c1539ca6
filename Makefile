# permits-engine. Needs make and Python 3.11 or later; `make help` lists the targets.

SCALE ?= 0.1
SEED  ?= 2014
OUT   ?= permits-demo
PORT  ?= 8014
KILLS ?= 50
EVENTS  ?= 100000
PERMITS ?= 100000
# `make lock UPGRADE=--upgrade` takes the newest versions instead of keeping the locked ones.
UPGRADE ?=
# Twice the two cores that the tests are made for: many of them wait for a process or a disk.
PYTEST_WORKERS ?= 4
# The simulated world: how many seeds, and the first of them.
N    ?= 1000
FROM ?= 1
# One mutant in so many.
SAMPLE ?= 1
# How many steps the model check follows a file from its filing.
DEPTH ?= 7
# Fuzzing: seconds for each door, and which (DOORS="register policy"; none named: all).
SECONDS ?= 120
DOORS   ?=

ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell if python3.11 -c "" 2>/dev/null; then echo python3.11; else echo python3; fi)
endif

VENV := .venv
XES  := .venv-xes
PYRIGHT := .venv-pyright
AUDIT := .venv-audit
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet --quiet

export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo portal audit test test-browser test-matrix test-xes torture simulate simulate-many fuzz model mutants check check-docs lint types walls docs lock bench dist clean

help:
	@echo "make demo     run a demonstration into $(OUT)/ (SCALE=$(SCALE) SEED=$(SEED) OUT=$(OUT))"
	@echo "make portal   the example portal on the store in $(OUT)/, http://127.0.0.1:$(PORT)"
	@echo "make check    in a minute: lint, types, walls and the unit tests"
	@echo "make test     lint, types, walls and all tests, on SQLite and PostgreSQL; needs Python and make only"
	@echo "make test-browser  the pages in a real browser (chromium), at the width of a telephone and of a desk"
	@echo "make test-matrix  in surroundings of others: Flask, Django, a pooling proxy, the wheel only, the oldest and newest libraries"
	@echo "make check-docs  mypy and pyright over every Python block of README and docs/"
	@echo "make test-xes the event log of permits export read back by pm4py, in an environment of its own"
	@echo "make simulate one seed of the simulated world over ten years (SEED=$(SEED); DAYS= HOLDERS= START=)"
	@echo "make simulate-many  a thousand short seeds (N=$(N), from SEED=$(FROM) on; MINUTES= to end earlier)"
	@echo "make audit    bandit over the program, pip-audit over what it needs"
	@echo "make torture  every process and the database killed, $(KILLS) times each; prints what it measured"
	@echo "make model    every reachable state of a file's life to DEPTH=$(DEPTH) steps, against the law's invariants"
	@echo "make mutants  small faults in clocks, standing and rules, against their tests (SAMPLE=n: one in n)"
	@echo "make fuzz     every door that takes bytes, tried for SECONDS=$(SECONDS) each (DOORS= some of them)"
	@echo "make docs     generated sections and outputs of README and docs/, made anew"
	@echo "make bench    the benchmarks, into docs/performance.md (EVENTS=$(EVENTS) PERMITS=$(PERMITS))"
	@echo "make dist     the wheel and the source archive, in dist/"
	@echo "make lock     write requirements/*.txt anew (UPGRADE=--upgrade for newer versions)"
	@echo "make clean    remove what the other targets made"

# ---------------------------------------------------------------- environment

$(VENV)/.made:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || { \
	  echo "permits-engine needs Python 3.11 or later, and '$(PYTHON)' is not:" \
	       "$$($(PYTHON) --version 2>&1 || true)." \
	       "Name another one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "==> making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.txt requirements/build.txt pyproject.toml | $(VENV)/.made
	@echo "==> installing what the program needs"
	@$(PIP) install --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/.made
	@echo "==> installing what the program and its tests need"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.run $@

# ----------------------------------------------------------------------- runs

demo: $(VENV)/.run
	@test -n "$(OUT)" || { echo "OUT is empty: name a folder" >&2; exit 1; }
	@# Removed only after the run: a file system is slow to make files just after many were deleted.
	@set -e; out="$(OUT)"; out="$${out%/}"; \
	if [ -f "$$out/.permits-demo" ]; then \
	  echo "==> the previous demo in $$out makes room"; \
	  old="$$out.previous.$$$$"; mv -- "$$out" "$$old"; \
	  trap 'rm -rf -- "$$old"' EXIT; trap 'exit 130' INT TERM; fi; \
	echo "==> permits demo --scale $(SCALE) --seed $(SEED) --out $(OUT)"; \
	$(BIN)/permits demo --scale "$(SCALE)" --seed "$(SEED)" --out "$(OUT)"

portal: $(VENV)/.dev
	@test -f "$(OUT)/permits.db" || { echo "There is no store in $(OUT)/ yet: make demo makes one" >&2; exit 1; }
	@echo "==> http://127.0.0.1:$(PORT) as samira (password counter-rabat) or karim (decider-rabat); Ctrl-C ends it"
	@PORTAL_STORE="sqlite:///$(OUT)/permits.db" $(BIN)/uvicorn --factory examples.portal.app:portal \
	  --port $(PORT) --log-level warning

bench: $(VENV)/.dev
	@echo "==> benchmarks, into docs/performance.md"
	@$(BIN)/python -m benchmarks --events $(EVENTS) --permits $(PERMITS) --page docs/performance.md

# --------------------------------------------------------------------- checks

test: lint types walls
	@echo "==> tests"
	@$(BIN)/python -m pytest -q -n $(PYTEST_WORKERS) --dist worksteal

# pm4py brings half a gigabyte and another licence: it stays out of the environment that all else runs in.
$(XES)/.made: requirements/xes.txt | $(VENV)/.made
	@echo "==> making $(XES)"
	@$(BIN)/python -m venv --clear $(XES)
	@$(XES)/bin/python -m pip --disable-pip-version-check --no-input --quiet --quiet install \
	  --require-hashes -r requirements/xes.txt
	@touch $@

test-xes: $(VENV)/.dev $(XES)/.made
	@echo "==> pm4py reads the event log"
	@PERMITS_PM4PY="$(abspath $(XES))/bin/python" $(BIN)/python -m pytest -q -m xes tests/xes

# What installs more than the tests of every day: it asks a package index.
test-matrix: $(VENV)/.dev
	@echo "==> frameworks, a pooling proxy, the wheel in an empty environment, library versions"
	@$(BIN)/python -m pytest -q -m matrix -n $(PYTEST_WORKERS)

$(PYRIGHT)/.made: requirements/pyright.txt | $(VENV)/.made
	@echo "==> making $(PYRIGHT)"
	@$(BIN)/python -m venv --clear $(PYRIGHT)
	@$(PYRIGHT)/bin/python -m pip --disable-pip-version-check --no-input --quiet --quiet install \
	  --require-hashes -r requirements/pyright.txt
	@touch $@

check-docs: $(VENV)/.dev $(PYRIGHT)/.made
	@echo "==> both type checkers over the blocks of the documents"
	@$(BIN)/python -m tests.docs.check_types --pyright "$(abspath $(PYRIGHT))/bin/pyright"

test-browser: $(VENV)/.dev
	@$(BIN)/python -c "import sys; from tests.browser.chromium import found; sys.exit(found() is None)" || { \
	  echo "make test-browser needs chromium: install it (apt-get install chromium), or name it in PERMITS_CHROMIUM" >&2; \
	  exit 1; }
	@echo "==> the pages in a browser"
	@$(BIN)/python -m pytest -q -m browser tests/browser

$(AUDIT)/.made: requirements/audit.txt | $(VENV)/.made
	@echo "==> making $(AUDIT)"
	@$(PYTHON) -m venv --clear $(AUDIT)
	@$(AUDIT)/bin/python -m pip --disable-pip-version-check --no-input --quiet --quiet install \
	  --require-hashes -r requirements/audit.txt
	@touch $@

audit: $(AUDIT)/.made
	@echo "==> bandit"
	@$(AUDIT)/bin/bandit --quiet --recursive --configfile pyproject.toml permits_engine
	@echo "==> pip-audit (asks a database of known faults, so it needs the network)"
	@$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements/run.txt

torture: $(VENV)/.dev
	@echo "==> torture"
	@$(BIN)/python -m pytest -q -s -m torture tests/integration
	@PERMITS_KILLS=$(KILLS) $(BIN)/python -m pytest -q -s -m "torture or not torture" tests/torture

# A failing seed names the day, what came before it, and this command.
simulate: $(VENV)/.dev
	@echo "==> simulated world, seed $(SEED)"
	@$(BIN)/python -m tests.simulation --seed $(SEED) $(if $(DAYS),--days $(DAYS)) \
	  $(if $(HOLDERS),--holders $(HOLDERS)) $(if $(START),--start $(START))

simulate-many: $(VENV)/.dev
	@echo "==> simulated world, $(N) seeds"
	@$(BIN)/python -m tests.simulation --many $(N) --seed $(FROM) $(if $(DAYS),--days $(DAYS)) \
	  $(if $(HOLDERS),--holders $(HOLDERS)) $(if $(MINUTES),--minutes $(MINUTES)) --workers $(PYTEST_WORKERS)

model: $(VENV)/.dev
	@echo "==> model check to depth $(DEPTH)"
	@$(BIN)/python -m tests.model.walk --depth $(DEPTH)

mutants: $(VENV)/.dev
	@echo "==> mutation run"
	@$(BIN)/python -m tests.mutants.run --sample $(SAMPLE)

# What is found is kept in tests/fuzz/findings/, where the tests bring it again.
fuzz: $(VENV)/.dev
	@echo "==> fuzzing, $(SECONDS) s a door"
	@$(BIN)/python -m tests.fuzz $(SECONDS) $(DOORS) --workers $(PYTEST_WORKERS)

check: lint types walls
	@echo "==> unit tests"
	@$(BIN)/python -m pytest -q -n $(PYTEST_WORKERS) tests/unit

lint: $(VENV)/.dev
	@echo "==> lint"
	@$(BIN)/ruff check --quiet .
	@echo "==> format"
	@$(BIN)/ruff format --quiet --check . || { \
	  $(BIN)/ruff format --check . ; echo "$(BIN)/ruff format . puts it right" >&2; exit 1; }

types: $(VENV)/.dev
	@echo "==> types"
	@$(BIN)/mypy --no-error-summary

walls: $(VENV)/.dev
	@echo "==> walls between the rooms"
	@$(BIN)/lint-imports --no-logo

docs: $(VENV)/.dev
	@echo "==> docs"
	@$(BIN)/python -m tests.docs.refresh

# -------------------------------------------------------------- distributions

dist: $(VENV)/.dev
	@echo "==> wheel and source archive"
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist

COMPILE = pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links $(UPGRADE)

lock:
	@set -e; uv=$$(command -v uv || true); tools=; \
	trap 'if [ -n "$$tools" ]; then rm -rf "$$tools"; fi' EXIT; \
	if [ -z "$$uv" ]; then \
	  echo "==> fetching uv for this run"; tools=$$(mktemp -d); \
	  $(PYTHON) -m venv "$$tools"; \
	  "$$tools/bin/python" -m pip --disable-pip-version-check --quiet install uv; \
	  uv="$$tools/bin/uv"; fi; \
	UV_CUSTOM_COMPILE_COMMAND="make lock"; export UV_CUSTOM_COMPILE_COMMAND; \
	for lock in run build dev xes pyright audit; do \
	  echo "==> requirements/$$lock.txt"; \
	  case $$lock in \
	    run)   set -- pyproject.toml ;; \
	    build) set -- requirements/build.in -c requirements/run.txt ;; \
	    dev)   set -- pyproject.toml --extra postgresql --extra metrics --extra channels --extra dask --extra parquet --extra excel requirements/dev.in \
	                  -c requirements/run.txt -c requirements/build.txt ;; \
	    xes)   set -- requirements/xes.in -c requirements/dev.txt ;; \
	    pyright) set -- requirements/pyright.in ;; \
	    audit) set -- requirements/audit.in ;; \
	  esac; \
	  "$$uv" $(COMPILE) "$$@" --output-file requirements/$$lock.txt >/dev/null; \
	done

clean:
	@echo "==> removing $(VENV), dist, caches and the demo"
	@rm -rf $(VENV) $(XES) $(PYRIGHT) $(AUDIT) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@if [ -n "$(OUT)" ] && [ -f "$(OUT)/.permits-demo" ]; then rm -rf -- "$(OUT)"; fi
	@find . -name __pycache__ -type d -not -path "./.git/*" -prune -exec rm -rf {} +
