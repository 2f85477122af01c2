# Everything a person runs from this folder. Each target installs what it needs, and says so.
SHELL := /bin/bash
PY := .venv/bin/python
BESIDE := -n auto --maxprocesses 4 --dist loadfile

.PHONY: help setup demo quick test lint hooks test-vm proof config bundle install uninstall clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: .venv/ready  ## .venv with the `rearguard` command

.venv/ready: pyproject.toml systemd/make-venv tests/system-packages.sh
	tests/system-packages.sh demo
	systemd/make-venv .venv -e '.[dev]'
	@touch $@ .venv/demo

# What the demonstration needs is less than half of it: the first picture does not wait for the tests' packages.
.venv/demo: pyproject.toml systemd/make-venv tests/system-packages.sh
	@echo "Rearguard: a walker on a simulated treadmill, the real device, and its page in your browser."
	@tests/system-packages.sh demo
	@systemd/make-venv .venv --no-compile -e .
	@touch $@

demo: .venv/demo  ## the whole product on this computer, no hardware
	@.venv/bin/rearguard demo

lint: setup  ## style, types, import contracts, names in the documents
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo
	$(PY) -m pytest tests/docs/test_paths.py

hooks: setup  ## the same checks before each commit
	$(PY) -m pre_commit install

test: setup  ## lint, types and every test (some 10 minutes on 2 cores)
	tests/system-packages.sh test
	@$(PY) -c 'import lgpio' 2>/dev/null || systemd/make-venv .venv -e '.[dev]'
	$(MAKE) --no-print-directory lint
	$(PY) -m pytest $(BESIDE) tests/core tests/sensors --cov=firmware_py/core --cov=sensors --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered
	$(PY) -m pytest $(BESIDE) -m "not alone" --ignore=tests/core --ignore=tests/sensors --ignore=tests/proof/programs -o faulthandler_timeout=240 --durations=15 -rs
	$(PY) -m pytest -m alone --ignore=tests/proof/programs -o faulthandler_timeout=240 --durations=15 -rs

quick: setup  ## core, sensors and the guard's logic, in under a minute
	$(PY) -m pytest $(BESIDE) -m 'not alone' tests/core tests/sensors tests/guard tests/test_config.py tests/test_layers.py

test-vm: setup  ## the units and the installer on a simulated Pi in a virtual machine (needs root)
	tests/system-packages.sh test vm
	tests/vm/run

proof: export REARGUARD_REPETITIONS ?= 60
proof: setup  ## the long campaigns behind the published figures (3 hours; REARGUARD_REPETITIONS=1000: a night)
	tests/system-packages.sh test proof
	$(PY) -m pip install -q -e '.[proof]'
	$(PY) -m pytest $(BESIDE) -m longer -rs
	$(PY) -m tests.proof.figures

config: setup  ## systemd/config.toml anew from the defaults
	.venv/bin/rearguard config 2>/dev/null > systemd/config.toml

bundle: setup  ## out/rearguard-VERSION-aarch64.run: one file that installs without a network (MACHINE=x86_64: for a PC)
	$(PY) systemd/bundle.py $(if $(MACHINE),--machine $(MACHINE)) $(foreach p,$(PYTHONS),--python $(p))

install:  ## install or upgrade on this Raspberry Pi (run with sudo)
	tests/system-packages.sh demo
	python3 systemd/install.py install $(if $(WHEELS),--wheels $(WHEELS))

uninstall:  ## take it off again; recordings and configuration stay
	python3 systemd/install.py uninstall

clean:  ## remove what the targets above made
	rm -rf .venv .cache out
