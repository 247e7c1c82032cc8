# One word for each thing a contributor does. Every target sets up what it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml

.PHONY: help run test test-zeebe test-clients check format chaos chaos-pg exactly-once fifo bench bench-pg \
	bench-grpc bench-messaging bench-steps profile lock clean

help:
	@echo "make run      deploy the order process, run 1,000 orders through it, show what came out"
	@echo "make test     all tests"
	@echo "make test-zeebe    beside a real Zeebe, which is downloaded for it (needs Maven)"
	@echo "make test-clients  with clients from npm"
	@echo "make check    lint, types, import rules, public names"
	@echo "make format   rewrite the sources in the project's format"
	@echo "make chaos    kills, cut connections, restarts: minutes on SQLite and PostgreSQL (HOURS=n: longer)"
	@echo "make chaos-pg 10,000 instances on PostgreSQL (HOURS=n: as long as that)"
	@echo "make exactly-once  the account example is killed 1,300 times; each effect is there once"
	@echo "make fifo     10,000 processes of a strict channel on three nodes that are killed and stopped"
	@echo "make bench    Procession beside its peers, with ratios"
	@echo "make bench-pg the same on PostgreSQL, with several nodes and a million old instances"
	@echo "make bench-grpc    over gRPC, beside a real Zeebe and a server that does nothing"
	@echo "make bench-messaging  the outbox beside plain publishing to RabbitMQ"
	@echo "make bench-steps  step processes beside drawn ones, and background jobs beside dramatiq"
	@echo "make profile  where a node's time goes"
	@echo "make lock     pin the dependencies anew"

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Procession needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.created requirements/run.lock pyproject.toml
	$(PIP) install --require-hashes -r requirements/run.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.lock
	$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

$(VENV)/.bench: $(VENV)/.dev requirements/bench.lock
	$(PIP) install --require-hashes -r requirements/bench.lock
	@touch $@

$(VENV)/.zeebe: $(VENV)/.dev requirements/zeebe.lock
	$(PIP) install --require-hashes -r requirements/zeebe.lock
	@touch $@

$(VENV)/.clients: $(VENV)/.dev requirements/clients.lock
	$(PIP) install --require-hashes -r requirements/clients.lock
	@touch $@

run: $(VENV)/.run
	@$(BIN)/python -m examples.order.main $(ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses auto --dist loadscope $(ARGS)

test-zeebe: $(VENV)/.zeebe
	$(BIN)/python -m pytest tests/gateway tests/oracle --zeebe -m zeebe $(ARGS)

test-clients: $(VENV)/.clients
	$(BIN)/python -m pytest tests/clients --npm $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/unit/test_public_names.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

chaos: $(VENV)/.dev
	$(BIN)/python -m pytest -s tests/chaos --chaos=full $(HOURS:%=--chaos-hours=%) $(ARGS)

chaos-pg: $(VENV)/.dev
	$(BIN)/python -m pytest -s tests/chaos/test_chaos.py -k postgresql --chaos=large $(HOURS:%=--chaos-hours=%) $(ARGS)

exactly-once: $(VENV)/.dev
	$(BIN)/python -m pytest -s tests/exactly_once --exactly-once=full $(ARGS)

fifo: $(VENV)/.dev
	$(BIN)/python -m pytest -s tests/fifo_channels --fifo=full $(ARGS)

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks $(ARGS)

bench-pg: $(VENV)/.bench
	$(BIN)/python -m benchmarks --suite postgresql $(ARGS)

bench-messaging: $(VENV)/.bench
	$(BIN)/python -m benchmarks --suite messaging $(ARGS)

bench-steps: $(VENV)/.bench
	$(BIN)/python -m benchmarks --suite steps $(ARGS)

bench-grpc: $(VENV)/.bench $(VENV)/.zeebe
	$(BIN)/python -m benchmarks --suite grpc $(ARGS)

profile: $(VENV)/.bench
	$(BIN)/python -m benchmarks.profile_node $(ARGS)

lock: $(VENV)/.dev
	$(COMPILE) --group build -o requirements/run.lock
	$(COMPILE) --group dev -o requirements/dev.lock
	$(COMPILE) --group bench -o requirements/bench.lock
	$(COMPILE) --group zeebe -o requirements/zeebe.lock
	$(COMPILE) --group clients -o requirements/clients.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache run
