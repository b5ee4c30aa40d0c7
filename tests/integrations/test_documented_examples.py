"""Every example of docs/integrations.md runs as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "integrations.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
PACKAGES = ("bambi", "pymc_extras", "pymc_marketing")


@pytest.mark.parametrize("example", EXAMPLES, ids=re.findall(r"^## (.*)$", PAGE.read_text(), flags=re.MULTILINE))
def test_example_runs(example, capsys):
    for package in PACKAGES:
        if package in example:
            pytest.importorskip(package)
    exec(compile(example, str(PAGE), "exec"), {})
    assert capsys.readouterr().out.strip()
