"""Names as they are: what an owner calls a currency, a policy or a store is never read as mathematics or markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_base.labels import MapLabeller

from learning_debt.data import Labels, as_labels, restored_labels
from learning_debt.validation import harmless

# What each backend would interpret, and how it is told not to.
_LITERAL = {
    "matplotlib": (("$", r"\$"),),
    "bokeh": (("$$", "$\u200b$"), (r"\(", "\\\u200b("), (r"\[", "\\\u200b[")),
    "plotly": (("&", "&amp;"), ("<", "&lt;"), ("$", "&#36;")),
}


def literal(text: Any, backend: str) -> str:
    r"""Text that a backend draws letter by letter, dollar signs and all; control characters come out escaped.

    A name that begins with an underscore, which matplotlib would leave out of a legend, begins with an invisible space.

    Examples
    --------
    >>> print(literal("$5 vs $6", "matplotlib"))
    \$5 vs \$6
    >>> literal("<b>A & B</b>", "plotly")
    '&lt;b>A &amp; B&lt;/b>'
    """
    found = harmless(text)
    for mark, plain in _LITERAL.get(backend, ()):
        found = found.replace(mark, plain)
    return f"\u200b{found}" if backend == "matplotlib" and found.startswith("_") else found


class LiteralLabeller(MapLabeller):
    """A labeller of ArviZ whose names are drawn as they are."""

    def __init__(self, backend: str, **maps: Any) -> None:
        super().__init__(**maps)
        self.backend = backend

    def var_name_to_str(self, var_name: Any) -> Any:
        """Name of a variable."""
        name = super().var_name_to_str(var_name)
        return literal(name, self.backend) if name is not None else name

    def dim_coord_to_str(self, dim: Any, coord_val: Any, coord_idx: Any) -> str:
        """One label along a dimension."""
        return literal(super().dim_coord_to_str(dim, coord_val, coord_idx), self.backend)


def labels_of(labels: xr.DataArray | Sequence[Any] | np.ndarray) -> Labels:
    """Labels in one form, turned back from how a table stores them."""
    return restored_labels(labels.values, labels.attrs) if isinstance(labels, xr.DataArray) else as_labels(labels)
