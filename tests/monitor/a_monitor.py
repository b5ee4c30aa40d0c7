"""A monitor of a drifting regression, and its rows."""

import numpy as np

import learning_debt as ld

INITIAL = 20
FORECASTER = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0))
AGREED = {"cost": 0.3, "policy": ld.policies.CUSUM(0.5), "calendar": 12}


def history(periods=60, rows=3, seed=1):
    """Regression rows by period whose slope changes after period 35."""
    rng = np.random.default_rng(seed)
    period = np.repeat(np.arange(periods), rows)
    x = np.column_stack([np.ones(len(period)), rng.normal(size=len(period))])
    slope = np.where(period < 35, 2.0, 0.0)
    return {"x": x, "y": 1.0 + slope * x[:, 1] + rng.normal(size=len(period)), "period": period}


def part(rows, first, stop=None):
    """Rows of the periods from `first` up to, not including, `stop`; of one period if that is left out."""
    stop = first + 1 if stop is None else stop
    held = (rows["period"] >= first) & (rows["period"] < stop)
    return {name: values[held] for name, values in rows.items()}


def made(path, rows, initial=INITIAL, **changed):
    """A monitor whose first posterior holds the initial periods."""
    return ld.Monitor.create(path, FORECASTER, part(rows, 0, initial), **(AGREED | changed))


def walked(monitor, rows, first=INITIAL, stop=60):
    """Observe period by period, and redeploy where the verdict says so."""
    decisions = []
    for period in range(first, stop):
        decisions.append(monitor.observe(part(rows, period)))
        if decisions[-1].verdict == "retrain":
            monitor.redeploy(reason="as decided")
    return decisions


def contents(folder):
    """Every file of a folder, by name, with its bytes."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
