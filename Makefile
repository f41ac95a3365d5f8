# Every target sets up what it needs; `.venv` is made once. With uv if it is there, else venv and pip.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint docs clean

help:  ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/.ready-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Set PYTHON=..."; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
		test -d .venv || uv venv --quiet --python $(PYTHON) .venv; \
		uv pip install --quiet --python $(BIN)/python -e '.[$(subst +,$(comma),$*)]'; \
	else \
		test -d .venv || $(PYTHON) -m venv .venv; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(subst +,$(comma),$*)]'; \
	fi
	@touch $@
comma := ,
BROWSERS := chromium chromium-browser google-chrome chrome

demo: .venv/.ready-plots  ## train a team, live; leaves a curve and an episode to look at
	@$(BIN)/python -m qohort.report.demo

# Without fusion emitters, and in one piece, compiling takes half as long, and what is compiled runs slower. Most tests compile
# for longer than they compute and are not optimised at all; these are the others.
FAST_COMPILE = --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1
COMPUTES = tests/learning tests/envs/battle/test_frozen.py

test: .venv/.ready-dev+plots+tensorboard  ## the tests
	@which $(BROWSERS) 2>/dev/null | grep -q . \
		|| echo "NOT TESTED: pages in a browser. Chromium is not installed (on Debian: apt-get install chromium)." >&2
	@XLA_FLAGS="$(FAST_COMPILE) --xla_backend_optimization_level=0" $(BIN)/python -m pytest -n auto -m "not slow" --durations=15 $(COMPUTES:%=--ignore=%) $(ARGS)
	@$(if $(ARGS),,XLA_FLAGS="$(FAST_COMPILE) --xla_backend_optimization_level=1" $(BIN)/python -m pytest -n auto -m "not slow" --durations=15 $(COMPUTES))

test-slow: .venv/.ready-dev+plots+tensorboard  ## longer learning proofs too
	@$(BIN)/python -m pytest -n auto $(ARGS)

lint: .venv/.ready-dev+plots+tensorboard  ## ruff and pyright over everything
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright

docs: .venv/.ready-docs  ## the documentation site, into site/
	@$(BIN)/mkdocs build --strict && echo "site/index.html"

clean:  ## remove the environment and caches
	rm -rf .venv .cache site
