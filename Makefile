# `make run` and `make test` are all that a fresh machine needs: Python 3.11 or newer with venv, make, and the package
# registries. The first call makes .venv; it is brought up to date when the pins change.

.PHONY: run test test-quick test-random abuse coverage lint types squash css js weight lock audit sbom bench profile cluster-test pgbouncer-test upgrade-test chaos fuzz
.DEFAULT_GOAL := run

PY := .venv/bin/python
AUDIT := .venv-audit/bin
# The first that is new enough and has venv. Those of the system come first: they are built with optimisations that a
# Python compiled by hand or by pyenv lacks unless it was asked for them, and do the same in a tenth less time.
PYTHONS ?= /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11 python3.13 python3.12 python3.11 python3

run: .venv/installed
	@exec $(PY) -m bookingsite.devserver.run

test: .venv/installed
	@exec $(PY) -m tests.suite

# While one works, under a minute on two processors: the rules, that is what is stored, written, read, found and allowed.
# Not what is shown, said and sent, and without the few tests that take seconds each or start a program of ours.
RULES := $(wildcard tests/*/models tests/*/services tests/*/selectors tests/*/scheduling tests/*/access)
test-quick: .venv/installed
	@exec $(PY) -m pytest -n logical -m "not processes and not slow" $(RULES)

# Other examples for the properties than those that `make test` always tries. SEED=... tries those of an earlier run.
test-random: .venv/installed
	@seed=$${SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}; \
	echo "The same examples again: make test-random SEED=$$seed"; \
	exec $(PY) -m pytest -n auto -m hypothesis --hypothesis-profile=random --hypothesis-seed=$$seed

# The attacks of tests/abuse/ at their full size.
abuse: .venv/installed
	@ABUSE=all exec $(PY) -m pytest -n logical -rP tests/abuse tests/concurrency/test_anyone.py

# As `make test`, and measures which branches the tests reach: slower, and fails below the floor in pyproject.toml.
coverage: .venv/installed
	@$(PY) -m coverage erase
	@COVERAGE=on exec $(PY) -m tests.suite

lint: .venv/installed
	@$(PY) -m ruff check --fix
	@$(PY) -m ruff format

types: .venv/installed
	@DEBUG=on $(PY) -m mypy

# After some dozen migrations, right after a release: one for each app that replaces them (docs/decisions/0063).
squash: .venv/installed
	@DEBUG=on DJANGO_SETTINGS_MODULE=bookingsite.settings exec $(PY) -m tests.upgrade.squash

# After each change of requirements.txt: all that it brings along, with hashes, for every platform (docs/decisions/0035).
lock: .venv-audit/installed
	@$(AUDIT)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --output-file requirements.lock requirements.txt

# Whether anything in the lock has a fault that is known. Fails, too, where the service that knows cannot be asked: an
# audit that saw nothing has found nothing.
audit: .venv-audit/installed
	@$(AUDIT)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements.lock || \
	  { echo "Not audited, or something was found: see above." >&2; exit 1; }

# What is in the product, for those who have to know (CycloneDX).
sbom: .venv-audit/installed
	@mkdir -p build
	@$(AUDIT)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --mc-type application \
	  --output-reproducible --output-format JSON --output-file build/sbom.cdx.json
	@echo build/sbom.cdx.json

.venv-audit/installed: requirements-audit.txt .venv/installed
	@$(PY) -m venv .venv-audit && $(AUDIT)/pip install --quiet --disable-pip-version-check -r requirements-audit.txt
	@touch $@

# All that is built of static/ (static/src/README.md). Needs Node; the built files are committed, so that nothing else does.
css:
	@cd static/src && npm ci --silent --no-fund --no-audit && npm run --silent build

# Of these only the script of every page: after each change in static/js/.
js:
	@cd static/src && ([ -d node_modules/esbuild ] || npm ci --silent --no-fund --no-audit) && npm run --silent js

# A name on the PATH proves little: it may be a stub, too old, or without venv.
.venv/installed: requirements.txt requirements-dev.txt
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	  python=; \
	done; \
	if [ -z "$$python" ]; then echo "ExpertBook needs Python 3.11 or newer with venv; there is none on the PATH." >&2; exit 1; fi; \
	echo "Installing into .venv ..."; \
	"$$python" -m venv .venv && $(PY) -m pip install --quiet --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# The product and its peers in turns, a quarter of an hour; needs Node. ONLY=bookings runs one part (bench/README.md).
bench: .venv/installed
	@ONLY="$(ONLY)" RUNS="$(RUNS)" exec $(PY) -m bench

# A site of many processes on this machine, of which each is stopped in turn under load; three minutes. Needs nginx and
# PgBouncer, as does `make test`, which has a short form of it. KEEP=folder keeps what all parts have said.
cluster-test: .venv/installed
	@exec $(PY) -m tests.cluster

# What is written and read, with PgBouncer in transaction mode before PostgreSQL; some minutes.
pgbouncer-test: .venv/installed
	@exec $(PY) -m tests.cluster.through_pgbouncer

# Every part of a site is killed, slowed or filled up in turn while people book, and then all that was promised is looked
# for; five minutes, of which `make test` has a short form. RUNS=5 adds a report of each of five runs to docs/chaos.md,
# ONLY="Valkey|disk" has only the faults whose names fit, KEEP=folder keeps what all parts have said.
chaos: .venv/installed
	@RUNS="$(RUNS)" exec $(PY) -m tests.chaos

# What nobody expects, sent to every address in every way for so long, with counts of the answers; other things each time.
fuzz: .venv/installed
	@FUZZ_MINUTES="$(or $(MINUTES),30)" exec $(PY) -m pytest -n 0 -p no:logging -rP tests/fuzz

# How heavy pages of a site that runs are, on a slow phone (bench/weight.py). URL=https://... measures another than `make run`.
weight: .venv/installed
	@URL="$(URL)" PAGES="$(PAGES)" RUNS="$(RUNS)" exec $(PY) -m bench.weight

# Where the time of one booking goes.
profile: .venv/installed
	@exec $(PY) -m bench.profile

# Tests of the version before on the schema of this one, as both run for some minutes of an upgrade: of BASE=<commit>, else
# of the last release (tests/upgrade/). TESTS="..." chooses others than those of what people do most.
upgrade-test: .venv/installed
	@exec $(PY) -m tests.upgrade
