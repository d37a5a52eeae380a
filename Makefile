# Everything this project does, one target each; `make` alone lists them.
# Nothing has to be installed but Python 3.11+ and make: environments are made on first use.

PYTHON ?= python3
DOCS ?=
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo ui test test-lowest e2e cluster chaos e2e-lowest lint format docs site dist matrix bench pins clean
# A broken environment is an error where it happens, not three commands later.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
# Like pip and the browser, uv then trusts what this machine trusts (a company's proxy, say).
export UV_SYSTEM_CERTS ?= true

NEWEST := .venv/.ready
LOWEST := .venv-lowest/.ready
BIN := .venv/bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(NEWEST) ## Send documents through an emulated BDA in a real Airflow (DOCS=folder for your own)
	@$(BIN)/python -m demo $(if $(DOCS),--docs "$(DOCS)") $(ARGS)

ui: $(NEWEST) ## The same, and Airflow stays up to look at until Ctrl-C
	@$(BIN)/python -m demo --keep $(if $(DOCS),--docs "$(DOCS)") $(ARGS)

test: $(NEWEST) ## Run all tests but the end-to-end ones, on the newest versions
	@$(BIN)/python -m pytest -m "not e2e" -n 3 --dist load $(ARGS)

# Not again what asks little or nothing of Airflow or the Amazon provider; what asks a little, `make matrix` runs.
test-lowest: $(LOWEST) ## Those that ask something of Airflow or the Amazon provider, on the lowest versions we promise
	@.venv-lowest/bin/python -m pytest -m "not e2e" -n 3 --dist load -o cache_dir=.venv-lowest/.pytest_cache \
		$(addprefix --ignore tests/,emulator results benchmarks docs release e2e parity check batch_outputs test_iam.py \
		test_example_tables.py test_example_blueprint.py) $(ARGS)

e2e: $(NEWEST) ## Run the tests that start a real Airflow (20 minutes; those for chromium and PostgreSQL where installed)
	@$(BIN)/python -m pytest -m e2e --ignore tests/e2e/test_celery.py --durations 12 $(ARGS)

cluster: $(NEWEST) ## The same on Celery: Redis, PostgreSQL, two workers and two triggerers that die (5 minutes; by hand, not in .ci/run)
	@$(BIN)/python -m pytest -m e2e tests/e2e/test_celery.py $(ARGS)

chaos: $(NEWEST) ## Live through every fault at every moment, and 20 kills of a triggerer (35 minutes); writes docs/faults.md
	@BDA_CHAOS=1 BDA_FAULTS_PAGE=docs/faults.md BDA_KILLS=20 BDA_DOCUMENTS=200 BDA_CLUSTER_KILLS=12 \
		$(BIN)/python -m pytest -p no:randomly \
		tests/e2e/faults tests/e2e/test_survival.py tests/e2e/test_batch.py tests/e2e/test_celery.py $(ARGS)

e2e-lowest: $(LOWEST) ## Those about waiting, on the lowest versions
	@.venv-lowest/bin/python -m pytest -m e2e tests/e2e/test_waiting.py $(ARGS)

lint: $(NEWEST) ## Check style, format, types and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(NEWEST) ## Format the code and apply what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(NEWEST) ## Write the pages of docs/ that are made of code
	$(BIN)/python docs/generate.py
	$(BIN)/python -m airflow_provider_bda.emulator.served > docs/emulator-operations.md
	$(BIN)/python -m airflow_provider_bda.iam --markdown > docs/iam.md

site: $(NEWEST) ## Build the documentation, build/site/index.html; a warning is an error
	@rm -rf build/site
	@$(BIN)/python -m sphinx -q -E -W --keep-going -d build/doctrees docs build/site
	@$(BIN)/python docs/check_site.py build/site

dist: $(NEWEST) ## Build sdist and wheel, and check what is in them
	@$(BIN)/python -m release.dist

matrix: $(NEWEST) ## Test the wheel on every Airflow and Python we promise, as far as they are here (an hour)
	@mkdir -p build
	@$(BIN)/python -m release.matrix $(ARGS)

bench: $(NEWEST) ## Measure waiting against the Amazon provider's way
	@$(BIN)/python -m benchmarks $(ARGS)

# Names and versions only, no address: whoever installs uses the registry of their own.
COMPILE = $(BIN)/uv pip compile -q --no-header --no-annotate --no-emit-index-url --no-emit-package \
	airflow-provider-bda --python-version 3.11 --extra dev $(ARGS)

pins: $(NEWEST) ## Compile requirements/*.txt anew (ARGS=--upgrade for newer versions)
	$(COMPILE) pyproject.toml -o requirements/newest.txt
	$(COMPILE) pyproject.toml requirements/lowest.in -o requirements/lowest.txt

clean: ## Remove the environments, caches and demo runs
	rm -rf .venv .venv-lowest .demo dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments ------------------------------------------------------------------------------

$(NEWEST): requirements/newest.txt
$(LOWEST): requirements/lowest.txt
$(NEWEST): REQUIREMENTS = requirements/newest.txt
$(LOWEST): REQUIREMENTS = requirements/lowest.txt

$(NEWEST) $(LOWEST): pyproject.toml
	@$(CHECK_PYTHON)
	@echo "Setting up $(@D) with $$($(PYTHON) --version): about half a minute the first time"
	@test -x $(@D)/bin/pip || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install -q --disable-pip-version-check uv
	@$(@D)/bin/uv pip install -q --python $(@D)/bin/python -r $(REQUIREMENTS)
	@$(@D)/bin/uv pip install -q --python $(@D)/bin/python --no-deps -e .
	@touch $@

define CHECK_PYTHON
command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed. Name one: make PYTHON=python3.12" >&2; exit 1; }; \
$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
endef
