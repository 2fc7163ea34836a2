# Ripen. `make` alone prints what can be made.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help setup up down demo test check lint format format-check types synth deploy lock bench properties openapi tracker

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
STAGE ?= dev

# Compiled modules are kept: the CDK library and botocore are slow to compile again and again.
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH
# The Node that came with the packages goes first, so that no other is needed or used.
export PATH := $(CURDIR)/$(BIN):$(PATH)

help: ## print this
	@echo "Ripen: lead scoring, nurturing and sales handoff on AWS"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## prepare .venv with every tool; starts nothing
	@:

$(VENV)/.ready: requirements/dev.txt requirements/uv.txt requirements/setup pyproject.toml
	@requirements/setup $(VENV)
	@touch $@

# The released SDKs and the browser that tests run. Only tests need them: 75 MB, once.
BROWSER := tests/browser/node_modules/.ready
$(BROWSER): tests/browser/package-lock.json tests/browser/unpack.mjs | $(VENV)/.ready
	@echo "setup: installing the SDKs and the browser of the tests (the first time takes a minute)"
	@cd tests/browser && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && node unpack.mjs
	@touch $@

up: setup ## start the embedded AWS, deploy the local stage, start what stands beside it
	@$(PYTHON) -m infra.local.up

down: setup ## stop what `make up` started
	@$(PYTHON) -m infra.local.down

demo: setup ## deploy to the embedded AWS and watch some weeks of traffic turn into calls and mails
	@$(PYTHON) -m infra.local.demo

test: setup $(BROWSER) ## run every test, the end-to-end ones on an embedded AWS of their own
	@$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

properties: setup ## every property of the rules over 10,000 cases each: a quarter of an hour
	@RIPEN_CASES=10000 $(PYTHON) -m pytest tests/rules tests/mail tests/functions/test_identity_machine.py -n 2 --dist worksteal

bench: setup ## measure against the reference handler: ratios, some minutes
	@$(PYTHON) -m tests.benchmarks

# Drift of generated files and of the README is found by tests.
check: format-check lint types test synth ## everything that must hold before a change lands

lint: setup ## find mistakes
	@$(BIN)/ruff check .

format: setup ## put every file in shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only .

format-check: setup
	@$(BIN)/ruff format --check .

types: setup ## check the types, strictly
	@$(BIN)/mypy

synth: setup ## synthesize every stage, with the security checks
	@set -e; for stage in local dev staging prod; do \
	  echo "synth $$stage"; \
	  $(BIN)/cdk synth --quiet --context stage=$$stage --output cdk.out/$$stage; \
	done

deploy: setup ## deploy STAGE (dev unless told: make deploy STAGE=prod)
	@$(BIN)/cdk deploy --all --context stage=$(STAGE)

openapi: setup ## write the OpenAPI document and the schemas of the intake
	@$(PYTHON) -m tests.contracts.openapi

tracker: setup $(BROWSER) ## build the script that pages load, functions/ingest/static/ripen.js
	@node tracker/build.mjs

COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --generate-hashes --universal \
  --python-version 3.11 --no-emit-index-url --no-emit-find-links

lock: setup ## resolve requirements/*.in again, with hashes
	@cd requirements && $(COMPILE) uv.in -o uv.txt
	@cd requirements && $(COMPILE) runtime.in -o runtime.txt
	@cd requirements && $(COMPILE) -c runtime.txt dev.in -o dev.txt
