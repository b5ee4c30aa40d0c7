"""The example of docs/policies.md runs as it is printed."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "policies.md"


def test_the_learned_policy_is_the_cheapest_in_the_example(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    exec(compile(example, str(PAGE), "exec"), {})
    bills = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert float(bills["ContinuationValue"]) < float(bills["CUSUM"]) < float(bills["Never"])
