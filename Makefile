.PHONY: demo test check format environment benchmark

PYTHON := .venv/bin/python

demo: environment ## audit the US inflation forecaster's retraining history; the report lands in audit/
	$(PYTHON) -m learning_debt audit models/us_inflation.py --out audit

test: environment ## all tests, doctests included
	$(PYTHON) -m pytest

check: environment ## lint, format, types, import directions
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest --quiet tests/test_import_directions.py

format: environment
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

benchmark: environment ## timings side by side; sampled against exact
	$(PYTHON) benchmarks/adapter.py
	$(PYTHON) benchmarks/sampled_against_exact.py
	$(PYTHON) benchmarks/study.py

environment:
	@scripts/environment.sh
