"""The examples of docs/costs.md run as they are printed, one after the other."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "costs.md"


def test_examples_run(capsys):
    names, examples = {}, re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    printed = []
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)
        printed.append(capsys.readouterr().out.strip())
    bills, money, verdict = printed
    assert [line.split(":")[0] for line in bills.splitlines()] == [
        "0.3 nats",
        "0.1 nats + 0.001 nats per second of computing + 2 nats per unit of predictive debt",
    ]
    assert "EUR" in money
    assert "which decides today" in money
    assert re.match(r"(retrain|wait); the verdict flips at \d", verdict)
    assert verdict.endswith("%")
