# Tandem's commands. `make run` and `make test` are the two that matter; each sets up what it needs by itself.

# A Python 3.11 that runs; when there is none, deploy/bootstrap.py says so politely. Or: make PYTHON=/path/to/python3.11 run
PYTHON ?= $(shell for p in python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1 && echo "$$p" && exit; done; echo python3)
BIN := .venv/bin
DEV := $(PYTHON) deploy/bootstrap.py python

# What mypy reads.
TYPED := $(wildcard collab/*/services.py collab/access registry/*/services.py training/*/services.py training/engine)

.DEFAULT_GOAL := help
.PHONY: help run test check style types migrations house format matrix walk bench setup lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## set up, start everything, train the demo, serve (ONCE=1 stops afterwards, JSON=1 adds JSON, AGAIN=1 trains anew)
	@$(PYTHON) deploy/bootstrap.py run

test: ## run every test, two at a time (ARGS="tests/deploy -k port" for some of them, one at a time)
	@$(DEV) -m pytest $(or $(ARGS),-n 2 --dist loadscope --no-loadscope-reorder)

check: ## style, types, complete migrations, house rules: what every commit must pass
	@$(PYTHON) deploy/bootstrap.py setup --dev
	@$(MAKE) --no-print-directory --keep-going style types migrations house

style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy $(TYPED)

migrations:
	$(BIN)/python manage.py makemigrations --check --dry-run

house:
	$(BIN)/python -m pytest -q tests/house

format: ## put the code into the one style
	@$(PYTHON) deploy/bootstrap.py setup --dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

matrix: ## ask every address with every persona, which takes long (the suite asks some of it, in turns)
	@TANDEM_MATRIX=full $(DEV) -m pytest -n 2 --dist loadgroup tests/access tests/training/test_demo_links.py

walk: ## walk every state machine at random, 10,000 steps each, one after the other (STEPS=1000 for fewer)
	@for walk in $$(find tests -name test_walk.py | sort); do \
		echo "$$walk"; WALK_STEPS=$(or $(STEPS),10000) nice -n 19 $(DEV) -m pytest -q -n 0 --durations=1 $$walk || exit 1; done

bench: ## measure start-up, memory and speed (ONLY=startup for one of them)
	@$(DEV) -m benchmarks $(ONLY)

setup: ## only install: the environment with the locked packages
	@$(PYTHON) deploy/bootstrap.py setup

lock: ## resolve the requirements into the lock files (UPGRADE=1 takes newer versions)
	@$(PYTHON) deploy/bootstrap.py setup
	@$(PYTHON) deploy/bootstrap.py lock $(if $(UPGRADE),--upgrade)

clean: ## remove the environment and caches, never your data
	@$(PYTHON) deploy/bootstrap.py clean
