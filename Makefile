# Everything a fresh machine needs is Python >= 3.11, git and make; the rest is set up here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/bin/uv
STAMP := $(VENV)/.set-up
UV_VERSION := 0.13.9

.PHONY: setup run test lint types tests format soak audit bench clean

setup: $(STAMP)

# What a line begins with that takes long and says nothing: a dot a second shows that it goes on.
DOTS = (while sleep 0.9; do printf .; done) & dots=$$!; trap "kill $$dots; echo" EXIT;

# uv itself comes from pip; uv.lock then pins everything else. Byte code halves Prefect's import.
$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "cs-engine needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(UV) || { printf "Making $(VENV) "; $(DOTS) $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@printf "Installing what uv.lock names into $(VENV), and compiling it "; $(DOTS) VIRTUAL_ENV=$(CURDIR)/$(VENV) UV_PROJECT_ENVIRONMENT=$(CURDIR)/$(VENV) $(UV) sync --quiet --frozen --inexact --compile-bytecode
	@touch $(STAMP)

# The main job on the shipped project and its real sample, over days of the sample's own time. Starts from nothing each time;
# the state that was there is kept as .cs-engine/state.previous.db.
DEMO := env -u CS_ENGINE_PROJECT -u CS_ENGINE_EMAIL -u CS_ENGINE_SLACK CS_ENGINE_DATABASE_URL=sqlite:///.cs-engine/state.db $(BIN)/cs-engine
run: setup
	@if [ -f .cs-engine/state.db ]; then mv .cs-engine/state.db .cs-engine/state.previous.db; rm -f .cs-engine/state.db-wal .cs-engine/state.db-shm; fi
	@$(DEMO) check
	@$(DEMO) run --from 2012-08-13T17:00Z --to 2012-08-31T17:00Z --every 1d

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# In the order of folders: what takes longest begins first, and no process ends long after the others.
# Their files lie in memory where there are four gigabytes of room for them: hundreds of databases do not wait for a disk.
IN_MEMORY = $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "PYTEST_DEBUG_TEMPROOT=/dev/shm" }')
# Tests start hundreds of processes: where no byte code may be written each would compile all of ours anew.
tests: setup
	env -u PYTHONDONTWRITEBYTECODE $(IN_MEMORY) $(BIN)/pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

# What takes seconds says first what is wrong; types are checked while the tests wait for servers.
test: lint
	@$(MAKE) --no-print-directory --jobs=2 types tests

# What takes too long for every day: deaths at every kind of event, ten thousand mails, random walks drawn anew.
soak: setup
	$(BIN)/pytest -m soak

# Known vulnerabilities of what uv.lock names. Asks PyPI's advisories, so it needs the network.
audit: setup
	@$(UV) export --quiet --frozen --no-emit-project --format requirements-txt > .cs-engine-audit.txt
	@$(UV) tool run --quiet pip-audit --disable-pip --require-hashes -r .cs-engine-audit.txt; found=$$?; rm -f .cs-engine-audit.txt; exit $$found

# Each prints the floor that it is compared with, measured in the same run. SIZE scales the real sample up.
SIZE := --accounts 100000 --events 5000000
bench: setup
	$(BIN)/python -m benchmarks.facts $(SIZE)
	$(BIN)/python -m benchmarks.tick $(SIZE)
	$(BIN)/python -m benchmarks.rules $(SIZE)
	$(BIN)/python -m benchmarks.state
	$(BIN)/python -m benchmarks.mail
	$(BIN)/python -m benchmarks.send
	$(BIN)/python -m benchmarks.deliver
	$(BIN)/python -m benchmarks.webhooks
	$(BIN)/python -m benchmarks.collect
	$(BIN)/python -m benchmarks.warm
	$(BIN)/python -m benchmarks.prefect_overhead

clean:
	rm -rf .cs-engine .pytest_cache .mypy_cache .ruff_cache
