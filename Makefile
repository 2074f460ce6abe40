# Two commands for a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# What Python compiled is kept, also where images forbid it: else every process compiles all of ours.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo drill test quick mutants prove chaos adversary actions foundation image captures lost corpus bench check screenshots format docs docs-site lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## install Tiercel and its tools into .venv

# uv installs the locked versions, hashes checked; only uv itself comes through pip. Compiled
# once here, a library does not have to be compiled by every process that may not write it down.
$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Tiercel needs Python 3.11, 3.12 or 3.13; use: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing Tiercel into $(VENV) ..."
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m tiercel.sandbox.machine.prefect_database
	@touch $@

demo: setup ## from a commit to a verified release, on this machine, without an AWS account
	@$(BIN)/tiercel demo

drill: setup ## delete Preprod in the sandbox and rebuild it, under the eyes of the AWS CLI
	@$(BIN)/python -m tiercel.cli.demo.drill

# More workers than cores, because some tests wait; tests/support/tiers.py makes the groups.
test: setup ## run the whole test suite; 14 to 25 minutes on two cores
	@$(BIN)/python -m pytest -n 6 --dist loadgroup --no-loadscope-reorder

quick: setup ## run the tests that start no process, each within 2 seconds
	@$(BIN)/python -m pytest --quick -n 2 --dist loadgroup --no-loadscope-reorder

prove: setup ## hold the policies and the sandbox against iam-simulate; about 3 minutes
	@$(BIN)/python -m tests.oracle.prove

mutants: setup ## break the product 40 times and see that the tests notice; about 20 minutes
	@$(BIN)/python -m tests.mutants

chaos: setup ## kill, race, starve and lie to deploys; writes docs/understand/reliability.md; an hour
	@$(BIN)/python -m tests.chaos

adversary: setup ## attack builds, and each again without its protection; about 2 minutes
	@$(BIN)/python -m pytest tests/adversary tests/flows/test_attacks.py --adversary -n 2 --dist loadgroup --no-loadscope-reorder

actions: setup ## run the workflows of examples/github with act, against the sandbox; 8 minutes
	@$(BIN)/python -m pytest tests/actions --actions

foundation: setup ## destroy a RuntimeAccount's roles with Terraform and make them again, in a whole drill; 6 minutes
	@$(BIN)/python -m pytest tests/oracle/test_terraform.py --foundation

# BASE=NAME@sha256:DIGEST; without it debootstrap makes one.
image: setup ## build the container image and start it; needs root and podman; 8 minutes
	@$(BIN)/python -m pytest tests/image --image $(if $(BASE),--base $(BASE))

# CAPTURES=--write takes over what is seen; read it before it is committed.
captures: setup ## compare what tmux shows of the commands at three widths with tests/captures; 10 minutes
	@$(BIN)/python -m tests.captures $(CAPTURES)

lost: setup ## lose half of all events, five times, and see that nothing is missing; 2 minutes
	@LOST_ROUNDS=5 $(BIN)/python -m pytest tests/flows/test_lost_events.py

corpus: setup ## take public templates through packaging and the sandbox; CORPUS=FOLDER of clones
	@$(BIN)/python -m tests.corpus $(if $(CORPUS),--corpus $(CORPUS))

bench: setup ## measure against raw calls, Prefect and its peers; about 15 minutes
	@for name in enforcement packaging sam trigger job lifecycle safety rebuild; do \
	  echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done

check: setup ## formatting, lint, types, layers, and Terraform where it is installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --quiet --offline --persona auditor action.yml examples/github .github/workflows
	$(BIN)/actionlint -shellcheck= -pyflakes= examples/github/*.yml .github/workflows/*.yml
	@! command -v terraform > /dev/null || $(BIN)/python -m tests.support.check_terraform

screenshots: setup ## take the pictures in docs/ again; needs Chromium; about 5 minutes
	@$(BIN)/python -m tests.screenshots

format: setup ## format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup ## write the pages of docs/ that are made from the code
	$(BIN)/python -m tests.support.access_matrix
	$(BIN)/python -m tests.support.failures_page

docs-site: setup ## build docs/ as a site into .tiercel/docs-site; it needs no network, nor does its search
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build  # with --quiet it would not stop at a dead link
	@echo "Read it: $(BIN)/python -m http.server --bind 127.0.0.1 --directory .tiercel/docs-site"

lock: ## resolve pyproject.toml again into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras \
	  --no-header --no-emit-index-url --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --extra production --constraint requirements.lock --no-header --no-annotate \
	  --no-emit-index-url --output-file deployments/container/requirements.lock pyproject.toml
	printf 'hatchling\nuv\n' | $(BIN)/uv pip compile --quiet --python-version 3.11 --python-platform linux \
	  --generate-hashes --constraint requirements.lock --no-header --no-annotate --no-emit-index-url \
	  --output-file deployments/container/tools.lock -

clean: ## stop the sandbox and remove everything that make created
	@test ! -x $(BIN)/tiercel || $(BIN)/tiercel sandbox down --quiet
	rm -rf $(VENV) .tiercel .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
