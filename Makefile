.PHONY: demo test test-fast test-oldest coverage check format environment environment-oldest benchmark docs notebooks release-check

PYTHON := .venv/bin/python
OLDEST := .venv-oldest
PAGE := tests/test_docs_pages.py::test_examples_run_and_print_what_the_page_says

# One thread of linear algebra for each process: tests run two at once, and a sum rounds otherwise over several threads.
test test-fast test-oldest coverage: export OMP_NUM_THREADS := 1
# Files of tests go to two processes in the order of tests/conftest.py, the longest first.
IN_TWO := -n 2 --dist loadfile --no-loadscope-reorder

demo: environment ## audit the US inflation forecaster's retraining history; the report lands in audit/
	$(PYTHON) -m learning_debt audit models/us_inflation.py --out audit

test: environment ## all tests, doctests included
	$(PYTHON) -m pytest $(IN_TWO)

test-fast: environment ## the tests that need neither a sampler nor a second: to be run after every change
	$(PYTHON) -m pytest $(IN_TWO) -m "not slow and not integration" --durations 5 --durations-min 1

coverage: environment ## all tests; which lines they ran (bodies of numba's functions run compiled, and are not seen)
	$(PYTHON) -m pytest $(IN_TWO) --cov --cov-report term:skip-covered

test-oldest: environment-oldest ## PyMC models and integrations on the oldest PyMC, with the packages that are not yet on the newest
	$(OLDEST)/bin/python -m pytest $(IN_TWO) tests/forecasters tests/shadows tests/integrations \
		"$(PAGE)[integrations.md]" "$(PAGE)[models.md]"

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
	$(PYTHON) -m benchmarks.tables --way refit --case student_t --sample --out $(or $(TMPDIR),/tmp)/tables.csv
	$(PYTHON) benchmarks/study.py

docs: environment ## the site, in build/site: no warning is let pass, and neither building nor reading it needs the network
	rm -rf build/site docs/api/generated
	$(PYTHON) -m sphinx --quiet --fail-on-warning --keep-going -c docs . build/site

notebooks: environment ## run notebooks from their text and store them with their outputs: all, or make notebooks NAMES="start_here ..."
	$(PYTHON) scripts/run_notebooks.py $(NAMES)

release-check: environment ## build wheel and sdist, install the wheel outside the clone, and try it there
	@scripts/release_check.sh $(PYTHON)

environment:
	@scripts/environment.sh

environment-oldest:
	@scripts/environment.sh $(OLDEST) '.[nutpie,cluster,test,bambi,pymc-extras,pymc-marketing]' 'pymc==6.3.*'
