# `make help` lists the targets. Needed: make and Python 3.11 or later; everything else is installed
# into .venv from the package index. Another interpreter: `make install PYTHON=python3.12`.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
LOCK := --universal --python-version 3.11 --extra dev --extra site --extra study --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --quiet

.PHONY: help course test fuzz gpu-check lab bench install pair badges site outdated audit lock
.DEFAULT_GOAL := help

help:
	@echo "make course   install, run every chapter, write build/course/index.html"
	@echo "make site     install, then write the course's site, build/site/index.html, from the chapters"
	@echo "make test     install, then everything that CI runs"
	@echo "make fuzz MINUTES=15  give files, settings and folders inputs that nobody thought of"
	@echo "make gpu-check  the tests that need a GPU (CUDA); without one they say so and skip"
	@echo "make lab      open the chapters in JupyterLab"
	@echo "make bench    print the benchmark table"
	@echo "make install  only install, into .venv"
	@echo "make outdated what the package index has newer than constraints.txt"
	@echo "make audit    known holes in what constraints.txt pins (needs uv and the network)"
	@echo "make lock     write constraints.txt anew, with the newest versions and their hashes"
	@echo "make pair     bring the notebooks and their text forms (notebooks/text) into step"
	@echo "make badges REPO=owner/name   point the Colab badges and set-up cells at a repository"

install: $(STAMP)

# The stamp is older than what decides the installation only when that has changed, so a second run
# installs nothing. uv is used if it is there and works, else it goes into .venv, else pip does it.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "gancourse needs Python 3.11 or later as $(PYTHON), and found:" \
	    "$$($(PYTHON) --version 2>&1)." \
	    "Install one and say: make install PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "Could not create .venv with $(PYTHON) -m venv" \
	    "(on Debian and Ubuntu: apt install python3-venv)." >&2; rm -rf .venv; exit 1; }
	@if uv --version >/dev/null 2>&1; then \
	  UV="uv pip install --python $(BIN)/python"; \
	elif $(BIN)/python -m pip install --quiet uv && $(BIN)/uv --version >/dev/null; then \
	  UV="$(BIN)/uv pip install --python $(BIN)/python"; \
	else \
	  UV="$(BIN)/python -m pip install"; \
	fi; \
	echo "$$UV --require-hashes -r constraints.txt"; \
	$$UV --require-hashes -r constraints.txt && \
	$$UV --no-deps --no-build-isolation -e .
	@touch $@

course: $(STAMP)
	$(BIN)/gancourse run --out build/course

site: $(STAMP)
	$(BIN)/gancourse site --out build/site

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov=gancourse --cov=gancourse_lab --cov=gancourse_studies --cov=gancourse_standins --cov=gancourse_tools --cov-report=term-missing:skip-covered --cov-fail-under=90

# The same few hundred inputs are in `make test`; here they are others, for so many minutes in all.
MINUTES ?= 15
fuzz: $(STAMP)
	GANCOURSE_FUZZ_MINUTES=$(MINUTES) $(BIN)/python -m pytest -q -s tests/test_fuzz.py

gpu-check: $(STAMP)
	$(BIN)/python -m pytest -m gpu -rs

# Needs the network: what the index has newer, what is known of holes, and everything at its newest.
outdated: $(STAMP)
	$(BIN)/python -m pip list --outdated

audit:
	uv tool run pip-audit --disable-pip -r constraints.txt

lock:
	uv pip compile --upgrade $(LOCK) -o constraints.txt pyproject.toml

lab: $(STAMP)
	$(BIN)/jupyter lab notebooks

bench: $(STAMP)
	$(BIN)/python -m benchmarks

pair: $(STAMP)
	$(BIN)/jupytext --sync notebooks/[0-9]*.ipynb

# Which repository: git's remote, if it is one of GitHub's. GANCOURSE_SOURCE overrides the set-up
# cells' address.
REPO ?= $(shell git remote get-url origin 2>/dev/null | \
	sed -nE 's#^(https://|git@|ssh://git@)github\.com[:/]([^/]+/[^/]+)$$#\2#p' | sed 's#\.git$$##')
badges:
	@$(PYTHON) gancourse_tools/badges.py $(REPO)
