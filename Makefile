# `make help` lists the targets. Each sets up what it needs and says what it is doing.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
# By default molecule keeps its state under the name of the checkout's folder, so two checkouts of one name would share it.
export MOLECULE_EPHEMERAL_DIRECTORY := $(CURDIR)/.lab/molecule
# For examples/ci.
export ANYCAST_COLLECTIONS := $(CURDIR)/.ansible/collections

# Read by inventories/home. The lab's machines exist on this host only, so these are no secrets.
LAB_ENVIRONMENT := ANYCAST_OSPF_KEY=lab-key-not-secret ROUTEROS_USERNAME=ansible ROUTEROS_PASSWORD=lab-password
LAB_INVENTORY := -i inventories/home -i .lab/inventory.yml

# A RouterOS of yours (CHR, .img or .zip) as the lab's router: make demo ROUTER_IMAGE=chr-7.20.8.img. Also for test and matrix.
ifneq ($(ROUTER_IMAGE),)
override ROUTER_IMAGE := $(shell realpath -ms "$(ROUTER_IMAGE)")
export ROUTER_IMAGE
endif

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/.ready: tests/requirements.txt
	@echo "== Python environment in .venv (a minute)"
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 12) or sys.exit("Python %d.%d found, 3.12 or newer expected: set PYTHON=/path/to/python3.13" % sys.version_info[:2])'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --requirement tests/requirements.txt
	@touch $@

# homelab.anycast.* resolves through this link, without being installed.
.ansible/collections/ansible_collections/homelab/anycast:
	@mkdir -p $(@D)
	@ln -sfn ../../../.. $@

.PHONY: setup
setup: .venv/.ready .ansible/collections/ansible_collections/homelab/anycast ## Python environment and the system's packages
	@$(BIN)/python -m lab setup

.PHONY: demo
demo: setup ## The lab, with the article's system set up on it and verified; stays up. ROUTER_IMAGE=chr-7.x.img: with your RouterOS
	@$(BIN)/python -m lab up
	@echo "== homelab.anycast.site"
	@$(LAB_ENVIRONMENT) ansible-playbook $(LAB_INVENTORY) homelab.anycast.site
	@echo "== homelab.anycast.verify"
	@$(LAB_ENVIRONMENT) ansible-playbook $(LAB_INVENTORY) homelab.anycast.verify
	@$(BIN)/python -m lab status
	@echo "The lab stays up. Look around: .venv/bin/python -m lab ssh sip1; stop it: .venv/bin/python -m lab down."

.PHONY: test lint sanity unit coverage integration molecule matrix
test: setup ## Lint, tests, and the scenarios that every change goes through
	@$(BIN)/python tests/run.py

lint sanity unit integration molecule: setup
	@$(BIN)/python tests/run.py $@
matrix: setup
	@$(BIN)/python tests/run.py $@ $(SCENARIOS)
coverage: setup ## Which lines of plugins/ the unit tests miss; fails under 95 %
	@$(BIN)/python tests/run.py $@ && $(BIN)/coverage report
lint: ## ansible-lint, ruff, mypy, yamllint, changelog, workflows, the documentation
sanity: ## ansible-test sanity and units
unit: ## Unit tests
integration: ## The quick bed: emulator, BIRD and FRR in network namespaces (root)
molecule: ## The scenarios on the lab's machines
matrix: ## The scenarios that take too long for every change; of them some: make matrix SCENARIOS="drain reload"

.PHONY: figures speed diagnosis
figures speed diagnosis: setup
	@molecule destroy -s default > /dev/null
	@molecule test -s $@; code=$$?; $(BIN)/python molecule/$@/summary.py && exit $$code
figures: ## What clients lose by each event, measured on the lab
speed: ## What a first and an unchanged second site cost beside a plain playbook, measured on the lab
diagnosis: ## What verify says of a misconfigured node, in six cases on the lab

.PHONY: bench scale timers
bench: setup ## What clients lose: this collection, the article, and what else there is, on the quick bed (root)
	@$(BIN)/python -m bench run
scale: setup ## What many nodes cost, on the quick bed (root)
	@$(BIN)/python -m bench scale
timers: setup ## Which hello and dead intervals survive lost packets and a slow router, on the quick bed (root)
	@$(BIN)/python -m bench timers

.PHONY: conformance
GROUP := read
conformance: .venv/.ready .ansible/collections/ansible_collections/homelab/anycast ## Whether a router is as the emulator: make conformance ROUTER=192.168.88.1
	@$(BIN)/python -m tests.conformance --group $(GROUP) $(or $(ROUTER),$(error set ROUTER to the address of a router))

.PHONY: lowest artefact
lowest: .venv/.ready .ansible/collections/ansible_collections/homelab/anycast ## Sanity, units, roles and playbooks with what Debian 13 ships for a controller
	@$(BIN)/python -m tests.lowest
artefact: .venv/.ready .ansible/collections/ansible_collections/homelab/anycast ## What Galaxy gets, in dist/, with its bill of materials, checked as Galaxy checks it
	@mkdir -p dist
	@ansible-galaxy collection build --force --output-path dist
	@$(BIN)/python -m tests.release.sbom dist/*.tar.gz
	@pytest -q tests/release

.PHONY: docs
docs: .venv/.ready .ansible/collections/ansible_collections/homelab/anycast ## The documentation site, in build/docs/html
	@$(BIN)/python docs/site/build.py

.PHONY: clean
clean: ## Stop the lab; remove it, its images and everything built
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m lab clean; fi
	@rm -rf .venv .ansible .lab build dist .mypy_cache .nox .pytest_cache .ruff_cache tests/output
