"""The examples of docs/costs.md run as they are printed, one after the other."""

import re


def test_examples_run(run_examples):
    bills, money, verdict = run_examples("costs.md")
    assert [line.split(":")[0] for line in bills.splitlines()] == [
        "0.3 nats",
        "0.1 nats + 0.001 nats per second of computing + 2 nats per unit of predictive debt",
    ]
    assert "EUR" in money
    assert "which decides today" in money
    assert re.match(r"(retrain|wait); the verdict flips at \d", verdict)
    assert verdict.endswith("%")
