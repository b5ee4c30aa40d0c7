"""What the shadow's own forecasts scored: the level that gaps and regret are counted from."""

from __future__ import annotations

import xarray as xr

from learning_debt.data import SERIES
from learning_debt.spells import check_spells
from learning_debt.spells.checks import require_table
from learning_debt.spells.schema import DEPLOYED_SCORE, TableFacts, reliability, standard_error


def shadow_scores(spells: xr.Dataset) -> xr.Dataset:
    """Mean score of the shadow's own forecast in every period, as if it always served.

    Regret says how far what served lay behind this shadow; these scores say how good the shadow is, and compare update
    rules and forecasters over the same periods.

    Parameters
    ----------
    spells : Dataset
        With ``score_gap`` and ``deployed_score``, as `spell_table` makes it.

    Returns
    -------
    xarray.Dataset
        Dimensions ``series`` and ``period``: ``shadow_score`` (in ``attrs["unit"]``, higher is better),
        ``shadow_score_se`` and ``shadow_score_reliable``, with the ``label`` of each period. With timing
        ``"prequential"`` the shadow of the period before, with ``"separate"`` that of the period, as in the gaps.

    Raises
    ------
    KeyError
        If a signal is missing.
    TypeError, ValueError
        As `check_spells`.

    See Also
    --------
    replay : Its `net_score` is the same of what a policy served, less the cost of retrains.
    ageing_curve : How far what served lies behind, by age.

    Examples
    --------
    >>> import numpy as np
    >>> dims = ("deployed_at", "period")
    >>> gap, score = [[0.0, 0.3], [np.nan, 0.0]], [[-1.0, -1.4], [np.nan, -1.1]]
    >>> found = shadow_scores(xr.Dataset({"score_gap": (dims, gap), "deployed_score": (dims, score)}))
    >>> found["shadow_score"].values.tolist()
    [[-1.0, -1.1]]
    """
    require_table("spells", spells)
    for name in (DEPLOYED_SCORE, "score_gap"):
        if name not in spells:
            raise KeyError(
                f"spells lack {name!r}, without which the shadow's own score is not known: make the table with the "
                "default variables of spell_table, or add it to your own"
            )
    table = check_spells(spells)
    newest = table.sel(deployed_at=table["period"] - 1)
    values = {
        "shadow_score": newest[DEPLOYED_SCORE] + newest["score_gap"],
        "shadow_score_se": standard_error(newest, DEPLOYED_SCORE) + standard_error(newest, "score_gap"),
        "shadow_score_reliable": reliability(newest, DEPLOYED_SCORE) & reliability(newest, "score_gap"),
    }
    dims = (SERIES, "period")
    coords = {name: table.coords[name] for name in (*dims, "label")}
    found = {name: (dims, of.transpose(*dims).values) for name, of in values.items()}
    return xr.Dataset(found, coords, {"unit": TableFacts.from_table(table).unit})
