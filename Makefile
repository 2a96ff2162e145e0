# One entrance for people, hooks and CI. Everything is set up in .venv, once.

PYTHON ?= python3
BUDGET ?= mini
TARGET ?= src/adapters/embedded
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo serve test check bench soak mutants format clean train-mini

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Set everything up in .venv

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Wan Studio needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(INSTALLED) ## Start the service, make one video from a prompt, print where it is
	@$(BIN)/python examples/demo.py

serve: $(INSTALLED) ## Run the service on http://127.0.0.1:8022
	$(BIN)/wan serve

check: $(INSTALLED) ## Format, lint, types and import contracts: seconds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config importlinter.ini --no-cache

test: check ## Every check and every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term --cov-fail-under=90

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

format: $(INSTALLED) ## Rewrite the sources in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove what the tools left behind; the environment and your videos stay
	rm -rf .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

train-mini: $(INSTALLED) ## Train the embedded checkpoints from nothing, on a GPU (BUDGET=cpu for two cores; TARGET=folder)
	$(BIN)/python -m training all --budget $(BUDGET) --target $(TARGET)
