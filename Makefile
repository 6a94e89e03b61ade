# `make demo` and `make test` need nothing done first but Python 3.11+, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# What is installed below: a test that misses an extra of it fails instead of being skipped.
export GANVAS_PROMISED_EXTRAS := dev
# Without bytecode each process that tests start would compile ganvas anew, and pytest all tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo docs test test-without-extras test-benchmarks test-package test-gpu lint format bench bench-check clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(INSTALLED)

demo: $(INSTALLED)
	rm -rf runs/demo
	$(BIN)/ganvas train resnet-dcgan fashion --images 120k --augmentation adaptive \
		--augmentation-policy diffaugment --out runs/demo
	$(BIN)/ganvas sample runs/demo
	$(BIN)/ganvas evaluate runs/demo -n 5k --metrics fd-lite0,prdc-lite0,swd
	@echo "the pictures are in runs/demo/samples; go on from here:"
	@echo "  $(BIN)/ganvas interpolate runs/demo"
	@echo "  $(BIN)/ganvas resume runs/demo --images 400k"
	@echo "  $(BIN)/ganvas check YOUR_IMAGES"

docs: $(INSTALLED)
	$(BIN)/python docs/site/build.py site

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not gpu'

test-without-extras: $(INSTALLED)
	$(BIN)/python -m tests.without_extras

test-benchmarks: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/benchmarks

test-package: $(INSTALLED)
	$(BIN)/python -m pytest tests/package

test-gpu: $(INSTALLED)
	$(BIN)/python -m pytest -m gpu -W default  # what a device's kernels warn of is shown, no more

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)
	$(BIN)/python benchmarks/bench.py

bench-check: $(INSTALLED)
	$(BIN)/python benchmarks/check.py

clean:
	rm -rf $(VENV) build dist site src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
