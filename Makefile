.PHONY: demo test test-oldest check format environment benchmark

PYTHON := .venv/bin/python
OLDEST := .venv-oldest

demo: environment ## audit the US inflation forecaster's retraining history; the report lands in audit/
	$(PYTHON) -m learning_debt audit models/us_inflation.py --out audit

test: environment ## all tests, doctests included
	$(PYTHON) -m pytest -n 2 --dist loadfile

test-oldest: ## PyMC models and integrations on the oldest PyMC, with the packages that are not yet on the newest
	@scripts/environment.sh $(OLDEST) '.[nutpie,test,bambi,pymc-extras,pymc-marketing]' 'pymc==6.3.*'
	$(OLDEST)/bin/python -m pytest -n 2 --dist loadfile tests/forecasters tests/shadows tests/integrations

check: environment ## lint, format, types, import directions
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest --quiet tests/test_import_directions.py

format: environment
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

benchmark: environment ## timings side by side; sampled against exact, in short (each script has longer runs)
	$(PYTHON) benchmarks/adapter.py
	cd benchmarks && ../$(PYTHON) -m estimator_study --quick
	$(PYTHON) benchmarks/hard_posteriors.py --replications 30
	$(PYTHON) benchmarks/attribution.py --replications 50
	$(PYTHON) benchmarks/belief.py --replications 50
	$(PYTHON) benchmarks/weighted_draws.py --replications 30
	$(PYTHON) benchmarks/predictive_families.py --replications 30
	$(PYTHON) benchmarks/scores.py --replications 30
	cd benchmarks && ../$(PYTHON) -m shadow_upkeep --quick
	$(PYTHON) benchmarks/selection.py --replications 20 --periods 60
	$(PYTHON) benchmarks/sampled_decisions.py --quick --paths 1 --draws 1000
	cd benchmarks && ../$(PYTHON) -m drifting_models --quick
	$(PYTHON) benchmarks/study.py

environment:
	@scripts/environment.sh
