# Type `make` for the list of commands. Everything they need is installed into .venv, once.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
JOBS   ?= 2

# A run has settings of its own (attention_course/environment.py), whatever the reader has set.

.DEFAULT_GOAL := help
.PHONY: help book check test notebooks words bench lint registry lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: $(STAMP) ## Build the book into _build/html; a warning is an error
	$(BIN)/jupyter-book build . -W --keep-going

check: lint ## Check the style and what has changed since main: seconds
	@tests="$$($(BIN)/python tests/changed.py)"; test -z "$$tests" || \
	  $(BIN)/python -m pytest $$tests -m "not browser and not slow"

test: $(STAMP) ## Run the tests, and run every chapter again and compare: minutes
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

notebooks: $(STAMP) ## Execute all chapters and store their outputs (STEM=04_qkv_from_scratch for one)
	$(BIN)/python -m attention_course.book.notebooks $(STEM)

words: $(STAMP) ## Collect every sentence for translation, and bring translations up to date
	$(BIN)/python -m attention_course.book.catalogue

# Only a NAME given to make counts: some systems keep the machine's name in a variable NAME.
bench: $(STAMP) ## Measure the benchmarks of the appendix again (NAME=scaling for one)
	$(BIN)/python -m attention_course bench $(if $(filter command line,$(origin NAME)),$(NAME))
	$(BIN)/python -m attention_course registry

lint: $(STAMP) ## Check the style of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

registry: $(STAMP) ## List models, quizzes, pictures and data with their checksums
	$(BIN)/python -m attention_course registry

# Versions stay as they are where requirements.in allows it; UPGRADE=1 takes the newest instead.
# The marker that is cut is true of every Python that make accepts; on a newer one, pip would leave
# everything out without a word.
lock: ## Lock the packages of requirements.in, with hashes (needs uv and the network)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  $(if $(UPGRADE),--upgrade) --custom-compile-command "make lock" \
	  requirements.in pyproject.toml --output-file requirements.txt
	sed -i.bak "s/ ; python_full_version < '3\.14'\( .\)$$/\1/" requirements.txt
	rm requirements.txt.bak

clean: ## Remove what was built (the installed packages stay)
	rm -rf _build build dist

# Installs only when the content of requirements.txt has changed, so a built book needs no network.
$(STAMP): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
	  echo "This course needs Python 3.11, 3.12 or 3.13, but $(PYTHON) is another version or" \
	    "missing. Name one that fits: make $(or $(firstword $(MAKECMDGOALS)),book) PYTHON=python3.12"; \
	  exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@if ! cmp -s requirements.txt $@; then \
	  echo "Installing the packages of requirements.txt into $(VENV) (some minutes, once)"; \
	  { $(PIP) -r requirements.txt && $(PIP) --no-deps --no-build-isolation -e .; } || { \
	    echo "The installation failed; look above for the cause. It needs a network, once."; \
	    exit 1; }; \
	fi
	@cp requirements.txt $@
