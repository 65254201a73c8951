# make run    sets everything up and opens the app
# make test   sets everything up and passes the tests
# make check  format, lint, types, import contracts
# make bench  what is fast, measured (NAME=... for one benchmark)
#
# Needs python3 (3.11 or newer), pip and make. Everything is installed into .venv, and again only
# when the requirements change. PYTHON=python3.12 chooses another Python.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
NAME   ?=

.DEFAULT_GOAL := help
.PHONY: help run test check format bench clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

run: $(VENV)/.ready
	@$(BIN)/python app.py

test: $(VENV)/.ready-dev
	@$(BIN)/python -m pytest

# gradio writes a .pyi beside every component of our own, which mypy would read instead of the source
check: $(VENV)/.ready-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@rm -f ui/*.pyi ui/pages/*.pyi
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.ready-dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.ready
	@$(BIN)/python -m benchmarks $(NAME)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# A Debian without python3-venv makes no pip inside the environment; then the pip outside installs into it.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Isthmus needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip $(VENV)

INSTALL = if $(BIN)/python -m pip --version >/dev/null 2>&1; \
  then $(BIN)/python -m pip install -q -r $(1) -c constraints.txt; \
  else $(PYTHON) -m pip --python $(BIN)/python install -q -r $(1) -c constraints.txt; fi

$(VENV)/.ready: requirements.txt constraints.txt | $(BIN)/python
	@echo "Setting up $(VENV) from requirements.txt; the first time takes some minutes."
	@$(call INSTALL,requirements.txt)
	@touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	@echo "Adding the tools of requirements-dev.txt to $(VENV)."
	@$(call INSTALL,requirements-dev.txt)
	@touch $@
