# `make help` lists the targets. Everything is installed into .venv from the hash-locked list requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup demo test lint types generated docs check lock fresh-kernels clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup: $(READY)  ## install everything into .venv

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("severity needs Python 3.11 or newer; name one with PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

demo: setup  ## the main job, live in the terminal, in about a minute and a half
	$(BIN)/severity demo

test: setup  ## unit and property tests, the path on the embedded broker, the path on a real Kafka where one can be had
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: setup  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## mypy, strict
	$(BIN)/mypy

generated: setup  ## fail when a generated file is stale
	$(BIN)/severity schema export schemas/generated
	$(BIN)/severity metrics page docs/metrics.md
	$(BIN)/severity settings page docs/settings.md
	$(BIN)/severity schema page docs/contract.md
	$(BIN)/typer cli.main utils docs --name severity --title 'Command line' --output docs/cli.md
	git diff --exit-code -- schemas/generated docs/metrics.md docs/settings.md docs/contract.md docs/cli.md

docs: setup  ## the documentation as a site in docs/_build; a broken link fails
	$(BIN)/sphinx-build -q -E -W --keep-going -b html docs docs/_build
	@echo docs/_build/index.html

check: test lint types generated docs  ## all that CI checks

lock: setup  ## renew requirements.lock, and what of it goes into the image, from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --group image --constraints requirements.lock pyproject.toml -o requirements-image.lock

fresh-kernels:  ## forget numba's compiled kernels, after a change of one that others call
	find . -path ./.venv -prune -o -name '*.nb[ic]' -exec rm {} +

clean:  ## remove what was installed and cached
	rm -rf .venv docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis
