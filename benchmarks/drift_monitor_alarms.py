"""What NannyML says of the census history, period by period: its alarms as a table.

NannyML is no dependency of this project, and nothing of the project is imported here, so that it runs in an environment
of its own (made with Python 3.12, `pip install nannyml==0.13.1 statsmodels`; the package uses the latter and does not
ask for it):

    python benchmarks/drift_monitor_alarms.py --out benchmarks/results/census_drift_alarms.csv

Every fourth person is taken, as in notebooks/census.ipynb. Reference: the nine periods of the first fit there.
Monitored: a logistic regression on those periods, which stays as it is. All settings are the package's: a period's
value is an alarm where it is more than three standard deviations off the mean of the reference's chunks, here its nine
periods, for distances only above.
"""

import argparse
from pathlib import Path

import nannyml
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

DATA = Path(__file__).parents[1] / "src/learning_debt/bench/histories/data/massachusetts_employment.csv.gz"
YES_OR_NO = ["female", "high_school", "bachelor", "married", "disability", "group_quarters", "not_citizen", "moved"]
INITIAL, PERSONS = 9, 100


def people() -> pd.DataFrame:
    """A row for each person with `period`, what is known of them, and the frozen model's probability and guess."""
    table = pd.read_csv(DATA)[::4].reset_index(drop=True)
    table["period"] = table["year"].astype(str) + "." + table["part"].astype(str).str.zfill(2)
    age = (table["age"].to_numpy() - 45) / 20
    columns = np.column_stack([age, age**2, age**3, table[YES_OR_NO]])
    first = INITIAL * PERSONS
    model = LogisticRegression(C=1e3, max_iter=1000).fit(columns[:first], table["employed"][:first])
    table["probability"] = model.predict_proba(columns)[:, 1]
    table["guess"] = (table["probability"] > 0.5).astype(int)
    return table


def monitors() -> dict[str, object]:
    """The package's calculators, one a question."""
    outcome = {"y_true": "employed", "y_pred": "guess", "y_pred_proba": "probability"}
    kind = {"problem_type": "classification_binary", "metrics": ["roc_auc"], "chunk_size": PERSONS}
    return {
        "one column": nannyml.UnivariateDriftCalculator(
            column_names=["age", *YES_OR_NO, "probability"],
            treat_as_categorical=YES_OR_NO,
            continuous_methods=["jensen_shannon"],
            categorical_methods=["jensen_shannon"],
            chunk_size=PERSONS,
        ),
        "all columns": nannyml.DataReconstructionDriftCalculator(column_names=["age", *YES_OR_NO], chunk_size=PERSONS),
        "performance estimated": nannyml.CBPE(**outcome, **kind),
        "performance realised": nannyml.PerformanceCalculator(**outcome, **kind),
    }


def alarms(monitor: object, reference: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """A row for each period and column: value, thresholds and whether it is an alarm."""
    monitor.fit(reference)
    found = (monitor.calculate if hasattr(monitor, "calculate") else monitor.estimate)(later)
    found = found.filter(period="analysis").to_df()
    named = [column for column in found.columns if column[-1] == "alert"]
    periods = later["period"].unique()
    return pd.concat(
        pd.DataFrame(
            {
                "period": periods,
                "column": head[0] if len(head) == 3 else "",
                "value": found[(*head[:-1], "value")].to_numpy(),
                "lower": found[(*head[:-1], "lower_threshold")].to_numpy(),
                "upper": found[(*head[:-1], "upper_threshold")].to_numpy(),
                "alarm": found[head].to_numpy().astype(bool),
            }
        )
        for head in named
    )


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    table = people()
    assert (table["period"].value_counts() == PERSONS).all()
    reference, later = table[: INITIAL * PERSONS], table[INITIAL * PERSONS :]
    found = pd.concat(
        [alarms(monitor, reference, later).assign(monitor=name) for name, monitor in monitors().items()],
        ignore_index=True,
    )
    columns = ["period", "monitor", "column", "value", "lower", "upper", "alarm"]
    found[columns].to_csv(parser.parse_args().out, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
