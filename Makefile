# `make serve` and `make test` do all set-up themselves; nothing is needed but Python 3.11 or later, and make.

PYTHON ?= python3
VENV ?= .venv
ROOT ?= ./files
LISTEN ?= tcp:2222:interface=127.0.0.1
BENCH ?=
COMPILED = gssapi,jks

# An editable install shows its twistd plugin only in this mode; CONTRIBUTING.md says why.
INSTALL = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat

.PHONY: serve test checks trial interop lint types docs bench clients clean

serve: $(VENV)/.installed
	@$(VENV)/bin/conchsftp "$(ROOT)" --listen "$(LISTEN)" --host-key .conchsftp/ssh_host_ed25519_key

# The real clients wait for one another much of the time; meanwhile the trial suite has a processor. What they need is
# installed before: nothing may be missing for a moment while tests run.
test: checks
	@$(MAKE) --no-print-directory $(VENV)/.installed-for-interop
	@$(MAKE) -j2 --no-print-directory trial interop

# Side by side: each keeps one processor busy, or waits for packages to come.
checks: $(VENV)/.installed-for-tests
	@$(MAKE) -j3 --output-sync=target --no-print-directory lint types docs clients

trial: $(VENV)/.installed-for-tests
	$(VENV)/bin/python -m twisted.trial -j2 tests

interop: $(VENV)/.installed-for-interop
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile --durations=10

lint: $(VENV)/.installed-for-tests
	$(VENV)/bin/ruff check .

types: $(VENV)/.installed-for-tests
	$(VENV)/bin/mypy

docs: $(VENV)/.installed-for-tests
	$(VENV)/bin/sphinx-build -q -W -b html docs docs/_build/html

clients:
	tests/interop/install-clients

bench: $(VENV)/.installed
	$(VENV)/bin/python -m bench $(BENCH)

clean:
	rm -rf $(VENV) .clients build docs/_build *.egg-info _trial_temp*

# A half-made one would stay, and every later make fail in it.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-for-tests: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --editable ".[test]"
	@touch $@ $(VENV)/.installed

# These have to be compiled, with what comes with the clients. Where that is missing their tests are skipped, except
# with CI set.
$(VENV)/.installed-for-interop: $(VENV)/.installed-for-tests clients
	@test $@ -nt $< || { $(INSTALL) --editable ".[test,$(COMPILED)]" && touch $@; } || test -z "$$CI"
