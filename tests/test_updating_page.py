"""The examples of docs/updating.md run as they are printed, one after the other."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "updating.md"


def test_examples_run(capsys):
    names, examples = {}, re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)
        assert capsys.readouterr().out.strip()
    assert len(examples) == 6
