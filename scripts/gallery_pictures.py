"""Makes the pictures of docs/gallery.md by running the page: python scripts/gallery_pictures.py.

Every picture shows the `pc` of the example before it.
"""

import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt

PAGE = Path(__file__).parents[1] / "docs" / "gallery.md"
STYLE = {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "font.size": 11}


def main() -> None:
    """Run every example in order and keep what the links name."""
    names: dict[str, Any] = {}
    steps = re.findall(r"```python\n(.*?)```|!\[[^\]]*\]\((gallery/[^)]+)\)", PAGE.read_text("utf-8"), flags=re.DOTALL)
    with matplotlib.rc_context(STYLE):
        for example, picture in steps:
            if example:
                exec(compile(example, str(PAGE), "exec"), names)
            else:
                figure = names["pc"].viz["figure"].item()
                figure.savefig(PAGE.parent / picture, dpi=72)
                plt.close(figure)
                print(picture)


if __name__ == "__main__":
    main()
