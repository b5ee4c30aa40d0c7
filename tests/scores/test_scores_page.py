"""The examples of docs/scores.md run as they are printed, one after the other."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "scores.md"


def test_examples_run(capsys):
    names, examples = {}, re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    printed = []
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)
        printed.append(capsys.readouterr().out.strip())
    assert len(printed) == 2
    assert printed[0].endswith("EUR")
    assert all("±" in line for line in printed[1].splitlines())
