# One entrance for people, hooks and CI. Everything is set up in .venv, once.

PYTHON ?= python3
BUDGET ?= mini
TARGET ?= src/adapters/embedded
BIN := .venv/bin
INSTALLED := .venv/.installed
# Three on two cores: many tests wait for processes.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# The page: its packages, the description of the API that its types are made from, its sources.
PAGE := src/adapters/http/built_page/index.html
PAGE_PACKAGES := frontend/node_modules/.installed
API_LIMITS := frontend/src/shared/api/limits.ts
PAGE_SOURCES := $(shell find frontend/src -type f -not -name schema.d.ts -not -path $(API_LIMITS)) $(wildcard frontend/*.html frontend/*.ts frontend/*.json)
API_DESCRIBED := frontend/node_modules/.described
API_SOURCES := $(shell find src/domain src/application src/adapters/http src/bootstrap -name '*.py')

.DEFAULT_GOAL := help
.PHONY: help install page page-if-possible demo serve test check check-page bench measure-page lighthouse screenshots soak mutants format clean train-mini

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Set everything up in .venv

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Wan Studio needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

page: $(PAGE) ## Build the page that the service shows

$(PAGE): $(PAGE_PACKAGES) frontend/openapi.json $(filter-out frontend/openapi.json,$(PAGE_SOURCES))
	frontend/npm run --silent build -- --logLevel warn

$(PAGE_PACKAGES): frontend/package-lock.json frontend/npm $(INSTALLED)
	frontend/npm ci --loglevel error
	@touch $@

# Written only where it differs, so that the page is not built for every change of the server.
$(API_DESCRIBED): $(API_SOURCES) frontend/limits.js $(PAGE_PACKAGES)
	$(BIN)/python -m bootstrap.api_description frontend/openapi.json
	@test $(API_LIMITS) -nt frontend/openapi.json -a $(API_LIMITS) -nt frontend/limits.js || frontend/npm run --silent api
	@touch $@

frontend/openapi.json: $(API_DESCRIBED)
	@:

page-if-possible: $(INSTALLED)
	@$(MAKE) --no-print-directory page || echo "The page could not be built, for the reason above; all else works without it."

demo: $(INSTALLED) page-if-possible ## Start the service, make one video from a prompt, print where it is
	@$(BIN)/python examples/demo.py

serve: $(INSTALLED) page-if-possible ## Run the service on http://127.0.0.1:8022
	$(BIN)/wan serve

check: $(INSTALLED) ## Format, lint, types and import contracts: seconds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config importlinter.ini --no-cache

check-page: $(PAGE) ## The same for the page: format, lint, types, circles, dead exports
	frontend/npm run --silent check

# Traced are the tests that domain and application have of their own: tracing takes twice the time.
TRACED := tests/unit/domain tests/unit/application tests/ports

test: check check-page ## Every check and every test
	frontend/npm test --silent
	$(PYTEST) $(TRACED) --cov --cov-report=term --cov-fail-under=90
	$(PYTEST) $(addprefix --ignore ,$(TRACED)) --durations=60

bench: $(INSTALLED) ## Measure what the README states
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/job_queue.py
	$(BIN)/python benchmarks/resume.py
	$(BIN)/python benchmarks/cancel.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/previews.py
	$(BIN)/python benchmarks/memory.py

soak: $(INSTALLED) ## Kill server and workers 500 times, cut 50 videos, count what was lost: half an hour
	$(BIN)/python benchmarks/soak.py

mutants: $(INSTALLED) ## Build each deliberate fault in and see which test catches it
	$(BIN)/python -m tests.mutants.run

measure-page: $(PAGE) ## Measure what the page must reach, with 10,000 videos
	frontend/npm run --silent measure

lighthouse: $(PAGE) ## Hold every screen against Lighthouse: performance and accessibility of 95 and more
	frontend/npm run --silent lighthouse

screenshots: $(PAGE) ## Take the pictures in docs/screenshots
	frontend/npm run --silent screenshots

format: $(INSTALLED) $(PAGE_PACKAGES) ## Rewrite the sources in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	frontend/npm run --silent format

clean: ## Remove what the tools left behind; the environment and your videos stay
	rm -rf .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf $(dir $(PAGE)) frontend/openapi.json frontend/src/shared/api/schema.d.ts $(API_LIMITS) $(API_DESCRIBED)
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

train-mini: $(INSTALLED) ## Train the embedded checkpoints from nothing, on a GPU (BUDGET=cpu for two cores; TARGET=folder)
	$(BIN)/python -m training all --budget $(BUDGET) --target $(TARGET)
