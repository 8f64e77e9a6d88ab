# Everything from a clean clone: Python 3.11, 3.12 or 3.13 and make are all it needs. `make help` lists the targets.

VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
CODE := configsplit custom_objects schemas tests benchmarks examples docs/site setup.py

# Whatever the environment says: hundreds of processes are started, and each would compile anew what it imports.
export PYTHONDONTWRITEBYTECODE :=

# The first Python that runs and for which TensorFlow has wheels. Give another as `make PYTHON=/path/to/python3.12`.
PYTHON ?=
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11 python)
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

.PHONY: help demo docs test lint generated format exhaustive bench clean

help:
	@echo "make demo        cut ResNet50 inside a residual branch, prove it, run both sides"
	@echo "make test        all tests but the long matrices; one of them looks at a page in Chromium or Chrome, if there is one"
	@echo "make lint        ruff and mypy"
	@echo "make generated   write what is made from the code: JSON Schemas, README's table of verbs"
	@echo "make docs        the documentation as a site, into build/site/VERSION and build/site/latest"
	@echo "make exhaustive  the long matrices, all that the samples of make test leave out; writes docs/exhaustive.md"
	@echo "make bench       the benchmarks, beside Keras; writes docs/benchmarks.md"
	@echo "make clean       remove everything that the other targets made"

demo: $(STAMP)
	@$(BIN)/python examples/demo.py

test: $(STAMP)
	$(BIN)/pytest -m "not exhaustive" -n $(WORKERS) --dist loadfile --no-loadscope-reorder -rfEs

lint: $(STAMP)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

# What is made from the code and committed: the JSON Schemas, the table of verbs and the pictures in README.md and docs, what the pages of docs/howto show, what Keras's constructors take. Tests hold it against the code.
generated: $(STAMP)
	$(BIN)/python -m configsplit.verbs.schemas schemas
	$(BIN)/python -m configsplit.batches.recipe schemas
	$(BIN)/python -m configsplit.verbs.readme README.md
	cd tests && ../$(BIN)/python -m support.constructors
	cd tests && ../$(BIN)/python -m support.error_pages
	cd tests && ../$(BIN)/python -m support.pictures
	cd tests && ../$(BIN)/python -m support.stories

# Into build/site; a test builds it, too.
docs: $(STAMP)
	$(BIN)/python -m mkdocs build --strict

format: $(STAMP)
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

exhaustive: $(STAMP)
	$(BIN)/pytest -m exhaustive -n $(WORKERS)

bench: $(STAMP)
	$(BIN)/python benchmarks/bench_split.py --write docs/benchmarks.md
	$(BIN)/python benchmarks/bench_convert.py --write docs/benchmarks.md
	$(BIN)/python benchmarks/bench_chain.py --write docs/benchmarks.md
	$(BIN)/python benchmarks/bench_profile.py --write docs/profile.md
	$(BIN)/python benchmarks/bench_live.py --write docs/benchmarks.md
	$(BIN)/python benchmarks/bench_large.py --write docs/benchmarks.md
	$(BIN)/python benchmarks/bench_zoo.py --write docs/benchmarks.md
	$(BIN)/python benchmarks/bench_page.py --write docs/benchmarks.md

clean:
	rm -rf $(VENV) demo-out benchmarks/out build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Of 12,000 modules a third is ever imported: each is compiled when it is.
PIP := $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check -c constraints.txt

# Made anew whenever what it was made from changes. The pip that came with Python may be years old, and looks long for what fits.
$(STAMP): pyproject.toml constraints.txt
	@found=; for candidate in $(CANDIDATES); do \
	    if "$$candidate" -c '$(FITS)' >/dev/null 2>&1; then found="$$candidate"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "configsplit needs Python 3.11, 3.12 or 3.13 (TensorFlow has no wheels for others); none was found among:" >&2; \
	    echo "    $(CANDIDATES)" >&2; \
	    echo "Say where it is: make PYTHON=/path/to/python3.12" >&2; \
	    exit 1; \
	fi; \
	echo "setting up $(VENV) with $$($$found --version) (once, a minute or two)"; \
	"$$found" -m venv --clear $(VENV)
	@( while sleep 3; do printf .; done ) & dots=$$!; trap "kill $$dots" EXIT; \
	$(PIP) pip && $(PIP) -e '.[dev]'
	@echo; touch $@
