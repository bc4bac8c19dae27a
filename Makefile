# Everything a developer or CI does, by name. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?= 60
export SINKHOLE_CONFIG ?= config.yaml

.DEFAULT_GOAL := help
.PHONY: help run test lint types layers check docs catalogue fmt bench bench-flood fuzz lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.runtime: requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

run: $(VENV)/.runtime ## Set up and start the whole service on loopback; Ctrl-C ends it
	@exec $(BIN)/sinkhole run

test: $(VENV)/.dev ## Set up and run all tests
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev ## Linter and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## Strict types
	$(BIN)/mypy

layers: $(VENV)/.dev ## Import contracts
	$(BIN)/lint-imports

check: lint types layers test ## Everything CI runs

docs: $(VENV)/.runtime ## Write docs/reference from the code
	$(BIN)/python docs/reference/generate.py

catalogue: $(VENV)/.dev ## Renew the catalogue of translations from the code and templates
	$(BIN)/python -m admin.catalogue

fmt: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Measure beside Unbound and the C floor (needs dnsperf, unbound, nsd, gcc)
	$(BIN)/python -m bench

bench-flood: $(VENV)/.dev ## What one client's flood costs the others, and the disk (needs dnsperf, unbound, nsd, gcc)
	$(BIN)/python -m bench flood

fuzz: $(VENV)/.dev ## Damaged packets for a minute (SECONDS=600; ARGS="--packets 100000")
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

lock: $(VENV)/.dev ## Renew the hashed lock files
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 pyproject.toml --group dev -o requirements-dev.txt

clean: ## Remove what was set up (not ./var)
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache
