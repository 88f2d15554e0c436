# The one task runner. `make` alone lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-is-installed
DEV := $(VENV)/.dev-is-installed
# What looks after what we ship, apart from what we ship.
AUDIT := .cache/audit
# Arguments for the command behind a target: make test ARGS="-k money"
ARGS ?=
# Tests side by side: most wait for something most of the time.
WORKERS ?= 2

# The newest Python that the pins are tested on, else whatever `python3` is, if it is new enough and can make a venv.
PYTHONS ?= python3.13 python3.12 python3.11 python3
CAN_MAKE_A_VENV := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

# Containers: docker where an engine runs, else podman. ONLY names containers, if not all are to start.
ENGINE ?= $(shell docker info >/dev/null 2>&1 && echo docker || echo podman)
COMPOSE ?= $(if $(filter docker,$(ENGINE)),docker compose,podman-compose)
BUILD ?= $(ENGINE) build $(if $(filter podman,$(ENGINE)),--format docker)
ONLY ?=
TAM_IMAGE ?= $(or $(shell sed -n 's/^TAM_IMAGE=//p' .env 2>/dev/null),tam:local)
BASE_IMAGE ?= $(shell sed -n 's/^BASE_IMAGE=//p' .env 2>/dev/null)
TAM_SECRETS ?= deploy/secrets

# pip's routine becomes one line that counts up (on a terminal); anything else it says is shown.
COUNT = awk -v total="$$(grep -c '^[a-z].*==' $(1))" -v tty="$$(test -t 2 && echo 1 || true)" '\
	function line(text) { if (tty) { printf "\r\033[K%s", text > "/dev/stderr"; fflush() } } \
	/^Collecting/ { line("  " ++n " of " total "  " $$2); next } \
	/^Installing collected/ { line("  unpacking"); next } \
	/^(Looking in|Requirement already|Ignoring|Successfully|Using cached|Downloading|  )/ || /^ *$$/ { next } \
	{ print > "/dev/stderr" } END { line("") }'

.PHONY: help setup setup-dev run demo up down image tam test test-long test-containers lint format bench contracts dashboards scaling release-fixture lock sbom audit clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(RUNTIME) ## Make .venv with what the platform needs, .venv/bin/tam among it
	@:

setup-dev: $(DEV)

run: setup ## Start the platform and serve until Ctrl-C
	@exec $(BIN)/tam serve $(ARGS)

demo: setup ## Start the platform, replay a real shop's purchases, show the figures, serve until Ctrl-C
	@exec $(BIN)/tam demo $(ARGS)

up: image ## Start everything in containers (docker or podman), and wait until all of it is ready
	@sh deploy/docker/secrets.sh $(TAM_SECRETS)
	@$(COMPOSE) up -d $(ONLY)
	@$(COMPOSE) --profile command run --rm -T ready
	@echo "Tâm answers at $${TAM_LISTEN:-127.0.0.1:8080}; keys: make tam ARGS='keys create shop --kind write'" >&2

down: ## Stop the containers; the data stay (make down ARGS=-v takes them too)
	@$(COMPOSE) --profile command down $(ARGS)

image: ## Build the image of the platform
	@$(BUILD) $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) -f deploy/docker/Dockerfile -t $(TAM_IMAGE) .

tam: ## Run a command of `tam` beside the containers: make tam ARGS="keys list"
	@$(COMPOSE) --profile command run --rm -T tam $(ARGS)

test: $(DEV) ## Run the tests (real PostgreSQL; real Kafka where a JDK and Maven are)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-long: $(DEV) ## Run what takes longer: kills, outages, replays, restores, load
	@$(BIN)/python -m pytest -m long -n $(WORKERS) --dist worksteal $(ARGS)

test-containers: $(DEV) ## Build the image and run docker-compose.yml for real (root and podman; ten minutes)
	@$(BIN)/python -m pytest -m containers tests/deploy $(ARGS)

lint: $(DEV) ## Check style, types and the walls between the rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(DEV) ## Format the code
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(DEV) ## Measure against named baselines of the same run, and store the ratios
	@for bench in tests/benchmarks/bench_*.py; do echo "== $$bench" >&2; $(BIN)/python $$bench $(ARGS); done

contracts: setup ## Write AsyncAPI, OpenAPI, the event schemas and the authorisation matrix anew
	@$(BIN)/tam contracts $(ARGS)
	@$(BIN)/python tests/security/authorisation.py

dashboards: $(DEV) ## Draw Grafana's dashboards anew
	@cd deploy/grafana && $(CURDIR)/$(BIN)/python -m drawing

scaling: setup ## Write anew by which consumers Kubernetes scales workers, and what a firm of a size needs
	@$(BIN)/python deploy/kubernetes/scaling.py
	@$(BIN)/python deploy/sizing.py

release-fixture: $(DEV) ## Keep the data of this release for the tests of those to come
	@$(BIN)/python tests/upgrade/make_fixture.py

lock: $(VENV)/bin/python ## Choose the newest versions that fit pyproject.toml, with the hashes of all their files
	@python=$$($(BIN)/python -c 'import sys; print(sys.executable)'); \
	$$python -m venv .cache/lock; .cache/lock/bin/pip install -q uv; \
	compile() { .cache/lock/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --no-emit-index-url pyproject.toml "$$@" >/dev/null; }; \
	compile --extra build -o constraints.txt; \
	compile --extra build --extra dev -c constraints.txt -o constraints-dev.txt \
		$$(sed -nE 's/^([a-z0-9_.-]+)==.*/--no-emit-package \1/p' constraints.txt); \
	printf 'cyclonedx-bom\npip-audit\n' | .cache/lock/bin/uv pip compile -q --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --no-emit-index-url - -o constraints-audit.txt >/dev/null

sbom: $(AUDIT)/.is-installed ## Write build/tam.cdx.json: what we ship, as a CycloneDX bill of materials
	@mkdir -p build
	@$(AUDIT)/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --mc-type application \
		--short-PURLs --output-reproducible --sv 1.6 --of JSON --validate -o build/tam.cdx.json constraints.txt

# Exit 3 of the script is "could not be asked", which is told, and is no failure of ours.
audit: $(AUDIT)/.is-installed ## Ask for known weaknesses of what we ship
	@$(BIN)/python deploy/audit.py $(AUDIT)/bin/pip-audit constraints.txt || [ $$? = 3 ]

clean: ## Remove .venv and every cache; data stay
	@rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
	@find services shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@for python in $(PYTHONS); do \
		if "$$python" -c '$(CAN_MAKE_A_VENV)' 2>/dev/null; then \
			echo "Making $(VENV) with $$("$$python" --version)" >&2; \
			exec "$$python" -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "Tâm needs Python 3.11 or newer with its venv module (Debian: apt install python3-venv); none found." >&2; \
	exit 1

$(AUDIT)/.is-installed: constraints-audit.txt | $(VENV)/bin/python
	@$(BIN)/python -m venv --clear $(AUDIT)
	@$(AUDIT)/bin/pip install --disable-pip-version-check -q --require-hashes -r constraints-audit.txt
	@touch $@

$(RUNTIME): constraints.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the platform needs (about 120 MB the first time)" >&2
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r constraints.txt \
		| $(call COUNT,constraints.txt)
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): constraints-dev.txt $(RUNTIME)
	@echo "Installing what the tests need" >&2
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r constraints.txt -r constraints-dev.txt \
		| $(call COUNT,constraints-dev.txt)
	@touch $@
