# Two commands do everything on a fresh machine: `make demo` and `make test`.
# They want make and Python 3.11 or later with venv; everything else goes into .venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Most tests wait for something: more workers than cores. The lab's tests share two labs (tests/conftest.py).
WORKERS ?= 4
# What a person runs is started through the environment's own interpreter.
RUN := $(BIN)/python -m haconsole

.PHONY: help demo test lint format lab lab-down lab-down-all bench soak clean lock

help:
	@echo "make demo      the console on an embedded cluster: nothing else to install, no root"
	@echo "make test      every test that can run on this machine"
	@echo "make lint      ruff, mypy --strict, import-linter"
	@echo "make lab       the console on two real nodes in containers (root, Debian 12)"
	@echo "make lab-down  remove what dead labs left behind; make lab-down-all ends living ones too"
	@echo "make bench     measurements, as a table and bench-results.json"
	@echo "make soak      long series in the lab"

demo: $(VENV)/.installed
	@$(RUN) demo $(ARGS)

# The lab's tests run where they can; what is missing is said first, in plain words.
test: $(VENV)/.dev
	@$(BIN)/python -m tests.lab check || [ "$$HACONSOLE_LAB" != required ]
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not bench and not soak" $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/lab/harness
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lab: $(VENV)/.dev
	$(BIN)/python -m tests.lab up -- $(abspath $(BIN))/python -m haconsole $(ARGS)

lab-down: $(VENV)/.dev
	$(BIN)/python -m tests.lab down

lab-down-all: $(VENV)/.dev
	$(BIN)/python -m tests.lab down --all

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench $(ARGS)

soak: $(VENV)/.dev
	HACONSOLE_LAB=required $(BIN)/python -m pytest -m soak $(ARGS)

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "haconsole needs Python 3.11 or later; say which: make demo PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv is missing; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# New versions, all at once: wants uv (`pip install uv`).
lock:
	printf 'hatchling>=1.27\neditables>=0.5\n' | \
		uv pip compile -q --universal --generate-hashes --no-header --no-annotate -o requirements.lock pyproject.toml -
	uv pip compile -q --universal --generate-hashes --no-header --no-annotate --group dev -c requirements.lock \
		-o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
