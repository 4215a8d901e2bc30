# Everything that is done to Sluice, by name. `make help` lists it.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
LOCKS := requirements.lock samples.lock
SETUP := .venv/.setup-done

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format chaos bench-decider bench-early bench-experiments bench-guarantee bench-memory bench-ratings bench-quality bench-replay schemas lock clean

help: ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: $(SETUP) ## set up the tools and packages, from the locks

$(SETUP): $(LOCKS) tools.lock pyproject.toml .ci/setup
	@PYTHON="$(PYTHON)" sh .ci/setup

demo: $(SETUP) ## run the main job: real material through real Kafka and Valkey (ARGS="--fresh" forgets the cache)
	@$(BIN)/sluice demo $(ARGS)

test: check ## check, then run all tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(SETUP) ## formatting, lint, strict types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(SETUP) ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

chaos: $(SETUP) ## kill deciders for minutes; prints lost, duplicated, wrong
	@$(BIN)/python -m tests.chaos.run $(ARGS)

bench-decider: $(SETUP) ## the decider beside a plain transactional loop, as a ratio
	@$(BIN)/python -m tests.bench.decider $(ARGS)

bench-early: $(SETUP) ## encoder calls that early decisions save, beside an oracle's (ARGS="--parents 10")
	@$(BIN)/python -m tests.bench.early $(ARGS)

bench-experiments: $(SETUP) ## tests of candidates in simulated experiments: false alarms under peeking, and power
	@$(BIN)/python -m tests.bench.experiments $(ARGS)

bench-memory: $(SETUP) ## what a million open parents take, and a parent of a million items (ARGS="--parents 100000")
	@$(BIN)/python -m tests.bench.memory $(ARGS)

bench-ratings: $(SETUP) ## heads judged by people's ratings of MRI scans, which it fetches (ARGS="--rule majority")
	@$(BIN)/python -m tests.bench.ratings $(ARGS)

bench-guarantee: $(SETUP) ## thresholds with a guarantee on populations of which all is known, and on real labels (ARGS="--runs 200")
	@$(BIN)/python -m tests.bench.guarantee $(ARGS)

bench-quality: $(SETUP) ## what scores are worth on held-out sources, per kind, recipe and defect (ARGS="--quick")
	@$(BIN)/python -m tests.bench.quality $(ARGS)

bench-replay: $(SETUP) ## a replay from a warm cache, and one of the policy alone, beside the cold run (ARGS="--items 500")
	@$(BIN)/python -m tests.bench.replay $(ARGS)

schemas: $(SETUP) ## write the JSON Schema files anew from the models
	@$(BIN)/python -m schemas.export

lock: $(SETUP) ## resolve the dependencies anew
	@sh .ci/lock

clean: ## forget what was made (not the packages)
	@rm -rf out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
