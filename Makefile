# What the README and CI run. Each target makes what it needs: a virtual environment in .venv, and the packages in it.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

.PHONY: demo test test-all check lint types coverage data lab lessons peers bench dist site site-test clean

demo: $(VENV)/.test
	$(BIN)/python notebooks/demo.py

# Every rule, the engine, nn, compile and viz, on all cores; pytest keeps what it makes of the tests, whatever is set
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q --numprocesses logical --dist loadfile --no-loadscope-reorder

test: $(VENV)/.test
	$(PYTEST)

# All that takes longer, and is marked slow: browsers, kernels, every lesson in every order, more points
test-all: $(VENV)/.test
	$(PYTEST) -m slow

# What CI runs
check: lint types test test-all

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

# Which lines of engine and nn no test runs, slow ones aside
coverage: $(VENV)/.coverage
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -q --numprocesses logical --dist loadfile engine nn tests/engine tests/nn
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

# The archives that the applications read their data from, in build/data: once, with a network
data: $(VENV)/.test
	$(BIN)/python notebooks/applications/data.py

lab: $(VENV)/.lessons
	$(BIN)/jupyter lab notebooks

# Every lesson as a page for any browser, in build/lessons; `make lessons OPTIONS=--dark` for a dark room
lessons: $(VENV)/.lessons
	$(BIN)/python notebooks/export.py $(OPTIONS)

# The site, in build/site: `make site OPTIONS=--no-browser` leaves out the lessons that run in a browser
site: $(VENV)/.site
	$(BIN)/python -m notebooks.site.build $(OPTIONS)

# The site and the package, built and used: minutes of work for browsers. `SITE=build/site make site-test` takes that site
site-test: $(VENV)/.test $(VENV)/.site
	$(PYTEST) -m "" tests/site

# The package, as it would be published, in dist. Its links lead to where git fetches the repository from; where that is
# no public address, name one: CHALKGRAD_ADDRESS=https://... make dist
dist: $(VENV)/.site
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*

# JAX and PyTorch, which are large: make peers bench
peers: $(VENV)/.peers

bench: $(VENV)/.bench
	$(BIN)/python -m tests.bench

$(VENV)/.%: pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or newer is needed, this is {v}; write make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

clean:
	rm -rf $(VENV) demo-output build dist *.egg-info
