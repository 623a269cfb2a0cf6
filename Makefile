# What a person types. `make run` and `make test` need nothing but Python 3.11 and a network.
.DEFAULT_GOAL := help
PYTHON ?= python3
# Tests at a time: three for each two processors, as most of them wait for another program.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) '*' 3 / 2)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help run test test-fast bench lock docs clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

WORKS := import sys; sys.exit(sys.version_info < (3, 11))
# What an upgrade of the system or an interrupted installation left is made again.
ifneq ($(wildcard $(VENV)),)
ifneq ($(shell $(BIN)/python -c "import pip, gateway; $(WORKS)" >/dev/null 2>&1 && echo yes),yes)
$(shell rm -f $(VENV)/runtime $(VENV)/development)
endif
endif

$(VENV)/runtime: requirements/runtime.lock pyproject.toml
	@$(PYTHON) -c "$(WORKS)" 2>/dev/null || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1 || true); the gateway needs Python 3.11 or newer:" \
	    "install it, then \`make $(or $(MAKECMDGOALS),run) PYTHON=python3.11\`" >&2; exit 1; }
	@echo "installing into $(VENV) …"
	@$(BIN)/python -c "import pip; $(WORKS)" 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	@$(PIP) install --require-hashes -r requirements/runtime.lock
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/development: $(VENV)/runtime requirements/dev.lock
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

run: $(VENV)/runtime ## start the gateway with config/gateway.yaml
	@exec $(BIN)/gateway run

test: $(VENV)/development clients ## lint, type-check and run every test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	@$(BIN)/python -m compileall -q gateway # for the hundreds of gateways, where PYTHONDONTWRITEBYTECODE is set
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

# The rooms that need no other process: no client, browser or vendor, and nobody is killed.
FAST := tests/config tests/contract tests/ingest tests/pipeline tests/privacy tests/translation \
  tests/test_architecture.py tests/test_reference.py tests/test_timestamps.py

test-fast: $(VENV)/development ## what a change most often breaks, in under a minute
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal -m "not slow" $(FAST)

.PHONY: clients
clients: $(VENV)/development # the SDKs that the tests drive; each is skipped by name where it cannot be had
	@test ! -x tests/clients/install || tests/clients/install

bench: $(VENV)/development ## the benchmarks behind the README's figures
	@$(BIN)/python -m benchmarks

docs: $(VENV)/runtime ## write the generated pages of docs/ and the schemas of config/
	@$(BIN)/python -m gateway.cli.reference docs
	@$(BIN)/python -m gateway.config.json_schema config/schema
	@$(BIN)/python -m gateway.translation.page docs/mapping.md

lock: $(VENV)/development ## pin every dependency again
	@for extra in "" "--extra dev"; do \
	  name=$${extra:+dev}; \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-annotate --no-header $$extra pyproject.toml \
	    -o requirements/$${name:-runtime}.lock; \
	done
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	  | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-annotate --no-header - -o requirements/build.lock

clean: ## remove what was built and installed
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
