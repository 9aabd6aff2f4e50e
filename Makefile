# Everything runs in one virtual environment, .venv. Each installation step leaves a stamp file there, so the next run starts at once.
#
#   make demo      install modinspect and run it on the example model
#   make quick     the fast tests: none that start processes or take long (under a minute)
#   make test      all tests
#   make check     what CI runs: format, lint, types, and all tests with branch coverage
#   make format    format the code and fix what ruff can fix
#   make docs      regenerate the pages that are made from code
#   make compat    the tests on the oldest and the newest supported Python and torch (nox, into .nox/)
#   make mutation  mutation testing: change the code in small ways and list changes that no test catches (docs/mutation.md)
#   make bench     compare speed and memory with similar tools, and write docs/benchmarks.md
#   make zoo       run on every transformers model (and torchvision's and timm's, if installed), and write docs/zoo.md
#   make clean     remove what these commands created
#
# Variables:
#   PYTHON       the interpreter that creates .venv (3.11 or later)
#   TORCH_INDEX  an index with CPU builds of torch; set it empty to use pip's default index

PYTHON ?= $(shell for p in python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet
# As environment variables, these also pin the tools that build the package (PIP_BUILD_CONSTRAINT: since pip 25.3).
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
SOURCES := src tests zoo benchmarks fuzz mutation noxfile.py
# the last two write the outputs that README.md and docs/lint.md show
GENERATORS := $(wildcard docs/make_*.py) tests/docs/test_readme.py tests/docs/test_lint_page.py

.PHONY: demo quick test check format docs compat mutation bench zoo clean

demo: $(VENV)/.run
	$(BIN)/modinspect show modinspect.examples.MyModel --input 1,10

quick: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto -q -m "not process and not slow"

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto

check: $(VENV)/.dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --cov --cov-report=term:skip-covered

format: $(VENV)/.dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

docs: $(VENV)/.dev
	for generator in $(GENERATORS); do $(BIN)/python $$generator || exit 1; done

compat: $(VENV)/.dev
	TORCH_INDEX=$(TORCH_INDEX) $(BIN)/nox -s compat

mutation: $(VENV)/.mutation
	$(BIN)/mutmut run
	$(BIN)/python mutation/survivors.py

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/run.py

zoo: $(VENV)/.zoo
	$(BIN)/python -m zoo.run --page docs/zoo.md

clean:
	rm -rf $(VENV) .nox mutants dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

# torch is installed first and by itself, so that its CPU index serves nothing else. If that index can't be reached, pip moves on soon.
$(VENV)/.torch: constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or later found. Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Installing into $(VENV), once: about 200 MB for torch"
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 || { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }  # on some systems, venv comes without pip
	$(PIP) --no-deps --timeout 30 --retries 1 $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	@touch $@

$(VENV)/.run: $(VENV)/.torch pyproject.toml
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) --editable '.[dev]'
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
