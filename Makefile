# Two commands do it all: `make run` and `make test`. `make help` lists the rest.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What an invocation may set: make test FAST=1 ARGS="-k votes"
ARGS ?=
FAST ?=
JOBS ?= 2
LAB ?= ask
COVERAGE_FLOOR ?= 88
export FAST LAB

ifeq ($(filter on off ask,$(LAB)),)
$(error LAB is "$(LAB)", but it takes on, off or ask)
endif

.PHONY: help run test coverage lint bench docs lock setup lab-down clean

help: ## This list
	@scripts/help.sh $(firstword $(MAKEFILE_LIST))

# exec: Ctrl-C and SIGTERM reach the program itself, with no shell in between.
run: ## Start the playground, or the bot on Discord when DISCORD_TOKEN is set (ARGS="…" go to study-bot)
	@scripts/setup.sh run lab && exec .venv/bin/study-bot $(ARGS)

# They start some hundred programs: kept bytecode spares each of them a third of its start.
test: export PYTHONDONTWRITEBYTECODE =
test: ## Run every test (FAST=1 leaves the slow ones out, JOBS=n at a time, ARGS="…" go to pytest)
	@scripts/setup.sh dev browser lab tools
	@.venv/bin/python -m pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder $(ARGS)

# Measuring makes everything take twice as long, so it isn't part of each run. The floor counts for
# the whole suite alone: a chosen part of it covers less.
coverage: floor = $(if $(strip $(ARGS)$(filter 1,$(FAST))),,--cov-fail-under=$(COVERAGE_FLOOR))
coverage: ## The same, and say what of the code they reach
	@$(MAKE) test ARGS='$(ARGS) $(floor) --cov'

lint: ## Check style, types, the rooms' dependencies, shell scripts and translations
	@scripts/setup.sh dev
	@scripts/lint.sh

bench: ## Measure: a line each "name ours peer ratio", and build/bench.json
	@scripts/setup.sh dev lab
	@mkdir -p build
	@.venv/bin/python -m tests.benchmarks $(ARGS)

docs: ## Write the generated pages of docs/ anew
	@scripts/setup.sh dev
	@.venv/bin/python -m scripts.generate_docs $(ARGS)

lock: ## Resolve the dependencies anew into constraints.txt (ARGS="python3.11 …": for these)
	@scripts/setup.sh dev
	@.venv/bin/python scripts/lock.py $(ARGS)

setup: ## Only do the set-up of `make run` and `make test`
	@scripts/setup.sh dev browser lab tools

lab-down: ## Stop the lab's registry, and engine, libvirt, networks and firewall rules where this set-up made them
	@scripts/setup.sh run lab-down

clean: ## Remove all that was made here, the answers to set-up's questions too; data/ and .env stay
	@scripts/clean.sh
