# Type `make` for the list of commands. Everything they need is installed into .venv, once.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= 2

# A run has settings of its own (attention_course/environment.py), whatever the reader has set.

.DEFAULT_GOAL := help
.PHONY: help book check test notebooks bench lint registry lock clean

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

# Only a NAME given to make counts: some systems keep the machine's name in a variable NAME.
bench: $(STAMP) ## Measure the benchmarks of the appendix again (NAME=scaling for one)
	$(BIN)/python -m attention_course bench $(if $(filter command line,$(origin NAME)),$(NAME))
	$(BIN)/python -m attention_course registry

lint: $(STAMP) ## Check the style of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

registry: $(STAMP) ## List models, quizzes, pictures and data with their checksums
	$(BIN)/python -m attention_course registry

lock: ## Resolve requirements.in into requirements.txt (needs uv and the network)
	uv pip compile --quiet --universal --python-version 3.11 --upgrade \
	  --no-header --no-annotate requirements.in --output-file requirements.txt
	sed -i.bak -E \
	  -e "s/python_full_version < '3\.14' and //g; s/ and python_full_version < '3\.14'//g" \
	  -e "s/ ; python_full_version < '3\.14'$$//; s/\(([^()]*)\)/\1/g" \
	  -e '/^-e \.$$/d' requirements.txt
	echo '-e .' >> requirements.txt
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
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt || { \
	    echo "The installation failed; look above for the cause. It needs a network, once."; \
	    exit 1; }; \
	fi
	@cp requirements.txt $@
