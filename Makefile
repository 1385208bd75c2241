# Every target makes the environment it needs. `make` alone lists them.

PYTHON ?= python3
GPU_PYTHON ?= python3
# What a GPU computes; the rest of the benchmark would measure its host.
GPU_PARTS := step batches char-cnn lstm cudnn softmax optimizer evaluate embed embed-files
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.DEFAULT_GOAL := help
.PHONY: help env demo test test-slow bench gpu-check clean

help:  ## list these targets
	@echo "Targets, for make TARGET:"
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
	@echo "PYTHON=python3.12 picks another Python, 3.11 or newer; GPU_PYTHON the one that gpu-check runs on."

env: $(READY)  ## make .venv with everything at the versions of constraints.txt

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, and $(PYTHON) is older; try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

# --resume: an interrupted demo goes on, a finished one is not trained again.
demo: env  ## train a tiny model on Python's own documentation and look at what it learned: some minutes
	$(BIN)/python -m elmo_cli pretrain --demo-corpus --preset tiny --epochs 6 --out runs/demo --resume
	$(BIN)/python examples/two_senses.py runs/demo/model

test: env  ## lint, types and the tests that take seconds
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest

test-slow: env  ## the tests that take longer
	$(BIN)/python -m pytest -m slow

bench: env  ## words per second of each part, beside what the machine could do
	$(BIN)/python -m benchmarks.run

# A GPU machine usually has its own torch, so this one uses the Python that is there and installs nothing.
gpu-check:  ## tests and benchmark on a CUDA device, with the torch that is installed there
	PYTHONPATH=. $(GPU_PYTHON) -m pytest -m gpu
	PYTHONPATH=. $(GPU_PYTHON) -m benchmarks.run --device cuda --seconds 1 --only $(GPU_PARTS)

clean:  ## remove the environment, caches and build outputs; runs stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
