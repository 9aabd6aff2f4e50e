# One .venv for everything. Each step leaves a stamp in it, so that a second run starts at once.
#
#   make demo     install and look at the example
#   make test     install what development needs and run the tests
#   make check    what CI runs: format, lint, types, tests with their branch coverage
#   make bench    measure beside the peers, and write docs/benchmarks.md
#   make compat   the tests with the oldest and the newest supported torch, each in an environment of its own: .compat/
#   make mutation changes some of the code a little, and looks whether the tests notice: docs/mutation.md
#   make docs     write the pages that are made from code: the rules of lint, the private parts of torch
#   make zoo      run over every model type of transformers (and torchvision and timm, where .venv has them): docs/zoo.md
#
# PYTHON=/path/to/python3.11   the Python that makes .venv
# TORCH_INDEX=                 where torch's CPU build comes from; empty: from where pip looks anyway

PYTHON ?= $(shell for p in python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet
# by environment, so that the tools which build the package are pinned too (before and after pip 25.3)
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
SOURCES := src tests benchmarks zoo compat fuzz mutation

.PHONY: demo test check bench compat mutation zoo docs format clean

demo: $(VENV)/.run
	$(BIN)/modinspect show modinspect.examples.MyModel --input 1,10

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto

check: $(VENV)/.dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --cov --cov-report=term:skip-covered

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/run.py

compat:
	env -u PIP_CONSTRAINT -u PIP_BUILD_CONSTRAINT TORCH_INDEX=$(TORCH_INDEX) $(PYTHON) compat/run.py

mutation: $(VENV)/.mutation
	$(BIN)/python mutation/run.py

zoo: $(VENV)/.zoo
	$(BIN)/python -m zoo.run --page docs/zoo.md

docs: $(VENV)/.run
	$(BIN)/python docs/make_rules.py
	$(BIN)/python docs/make_torch_internals.py

format: $(VENV)/.dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

# torch comes first and alone: its CPU index is asked for nothing else, and waited for only briefly where it can't be reached.
$(VENV)/.torch: constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or later found. Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Installing into $(VENV), once: about 200 MB for torch"
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 || { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }  # some systems have a venv without pip
	$(PIP) --no-deps --timeout 30 --retries 1 $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	@touch $@

$(VENV)/.run: $(VENV)/.torch pyproject.toml
	$(PIP) --editable .
	@touch $@

$(VENV)/.bench: $(VENV)/.run
	$(PIP) --editable '.[bench]'
	@touch $@

$(VENV)/.zoo: $(VENV)/.run
	$(PIP) transformers
	@touch $@

$(VENV)/.mutation: $(VENV)/.dev
	$(PIP) mutmut
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) --editable '.[dev]'
	@touch $@
