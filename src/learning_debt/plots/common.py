"""What the plots share: figure defaults, ticks of period labels, how each policy looks, two small visuals."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_base import rcParams
from arviz_plots import PlotCollection
from arviz_plots.plot_collection import backend_from_object
from arviz_plots.plots.utils import filter_aes, get_visual_kwargs

from learning_debt.auditing import Audit
from learning_debt.plots.literal_text import labels_of, literal
from learning_debt.spells.schema import TableFacts
from learning_debt.validation import describe, require_choice, require_instance, require_names

# Steps that keep quarters, months and weeks at the same place of the year, as far as labels are not numbers.
CALENDAR_STEPS = (1, 2, 4, 8, 12, 16, 20, 24, 36, 40, 48, 52, 60, 80, 104, 120, 240, 480, 960)


def signal_labels(table: xr.Dataset) -> dict[Hashable, Hashable]:
    r"""Names of the signals with their units, as a table has them.

    Examples
    --------
    >>> signal_labels(xr.Dataset(attrs={"unit": "EUR per observation"}))["score_gap"]
    'score gap\n(EUR per obs.)'
    """
    facts = TableFacts.from_table(table)
    names = {"debt": "posterior debt", "predictive_debt": "predictive debt", "score_gap": "score gap"}
    return {name: f"{words}\n({facts.unit_of(name, short=True)})" for name, words in names.items()}


AUDIT = "an Audit, as ld.audit(spells, cost) returns it"
BACKENDS = ("matplotlib", "bokeh", "plotly", "none")


def check_picture(
    plot_collection: Any, backend: Any, labeller: Any, aes_by_visuals: Any, visuals: Any, names: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Checked options that every plot has: `aes_by_visuals` and `visuals`, whose keys are among `names`.

    Raises
    ------
    TypeError, ValueError
    """
    if plot_collection is not None:
        require_instance("plot_collection", plot_collection, PlotCollection, "a PlotCollection of arviz_plots")
    if backend is not None:
        require_choice("backend", backend, BACKENDS)
    if labeller is not None and (isinstance(labeller, type) or not hasattr(labeller, "make_label_vert")):
        remedy = "a labeller, such as arviz_base.labels.MapLabeller()"
        raise TypeError(f"labeller must be {remedy}, not {describe(labeller)}")
    for name, given in (("aes_by_visuals", aes_by_visuals), ("visuals", visuals)):
        if given is not None:
            require_instance(name, given, Mapping, "a mapping of visuals to their options")
            require_names(name, list(given), names)
    return dict(aes_by_visuals or {}), dict(visuals or {})


def resolve_backend(plot_collection: PlotCollection | None, backend: str | None) -> str:
    """The backend asked for, else that of the collection, else ArviZ's default."""
    if backend is not None:
        return backend
    return str(rcParams["plot.backend"] if plot_collection is None else plot_collection.backend)


def figure_defaults(pc_kwargs: Mapping[str, Any], backend: str, width: float, height: float) -> dict[str, Any]:
    """Copy of `pc_kwargs` with a figure size in inches; legends and labels outside the axes need room on matplotlib."""
    kwargs = {**pc_kwargs, "aes": dict(pc_kwargs.get("aes", {}))}
    figure = dict(pc_kwargs.get("figure_kwargs", {}))
    if "figsize" not in figure:
        dots = backend != "matplotlib"
        figure["figsize"] = (100 * width, 100 * height) if dots else (width, height)
        figure["figsize_units"] = "dots" if dots else "inches"
    if backend == "matplotlib":
        figure.setdefault("layout", "constrained")
    return {**kwargs, "figure_kwargs": figure}


def ignored_aesthetics(
    collection: PlotCollection, aes_by_visuals: Mapping[str, Any], visual: str, default: Iterable[str] = ()
) -> set[str]:
    """Aesthetics that a visual does not use; by default all but `default`."""
    wanted = {visual: aes_by_visuals.get(visual, collection.aes_set.intersection(default)) or []}
    return set(filter_aes(collection, wanted, visual, [])[2])


def period_ticks(
    labels: xr.DataArray | Sequence[Any] | np.ndarray, most: int = 8, backend: str = "none"
) -> tuple[np.ndarray, list[str]]:
    """At most about `most` periods, numbered from 1, and their labels as a backend draws them.

    Examples
    --------
    >>> positions, texts = period_ticks([f"{1990 + k // 4}Q{k % 4 + 1}" for k in range(48)])
    >>> positions.tolist(), texts[:2]
    ([1, 9, 17, 25, 33, 41], ['1990Q1', '1992Q1'])
    >>> period_ticks(np.arange(57, 120))[1]
    ['60', '70', '80', '90', '100', '110']
    """
    found = labels_of(labels)
    values = found.index.to_numpy()
    if values.dtype.kind in "iu":
        span = max(1, int(values.max() - values.min()))
        step = next(s for k in range(12) for s in (10**k, 2 * 10**k, 5 * 10**k) if span // s <= most)
        chosen = np.flatnonzero(values % step == 0)
    else:
        step = next((s for s in CALENDAR_STEPS if (values.size - 1) // s < most), max(1, values.size // most))
        chosen = np.arange(0, values.size, step)
    return chosen + 1, [literal(found.texts[index], backend) for index in chosen]


def policy_aesthetics(
    policies: Sequence[str], emphasised: str, among: Sequence[str] | None = None
) -> dict[str, list[Any]]:
    """Colour, line style and width of each policy, the same whichever of those it is `among` are drawn.

    Examples
    --------
    >>> looks = policy_aesthetics(["always", "your calendar", "CUSUM", "oracle"], "your calendar")
    >>> looks["color"], looks["linestyle"]
    (['B3', 'B1', 'C0', 'B2'], ['-.', '-', '-', '--'])
    """
    roles = {
        "never": ("B3", ":", 1.5),
        "always": ("B3", "-.", 1.5),
        "oracle": ("B2", "--", 2.0),
        emphasised: ("B1", "-", 3.0),
    }
    others = sorted(name for name in among or policies if name not in roles)
    looks = [roles.get(name) or _of_a_rank(others.index(name)) for name in policies]
    return {key: [look[place] for look in looks] for place, key in enumerate(("color", "linestyle", "width"))}


def _of_a_rank(place: int) -> tuple[str, str, float]:
    """Ten colours, then the same ones with a broken line."""
    return f"C{place % 10}", "-" if place < 10 else "-.", 1.8


def add_policy_aesthetics(kwargs: dict[str, Any], policies: Sequence[str], audit: Audit, keys: Sequence[str]) -> None:
    """Map the aesthetics `keys` to policies, unless the caller mapped them."""
    for key, values in policy_aesthetics(policies, audit.benchmark, list(audit.replays)).items():
        if key in keys and kwargs["aes"].setdefault(key, ["policy"]) == ["policy"]:
            kwargs.setdefault(key, values)


def draw_decorations(
    collection: PlotCollection,
    visuals: Mapping[str, Any],
    decorations: Mapping[str, tuple[Callable[..., Any], xr.Dataset, Mapping[str, Any]]],
) -> None:
    """Draw axis labels, ticks and the like, given as {visual: (function, data, default keyword arguments)}."""
    for visual, (function, data, defaults) in decorations.items():
        kwargs = get_visual_kwargs(visuals, visual)
        if kwargs is not False:
            # Backends answer with a list of ticks, or nothing: there is no artist to keep.
            collection.map(function, data=data, ignore_aes="all", store_artist=False, **{**defaults, **kwargs})


def vertical_lines(da: xr.DataArray, target: Any, **kwargs: Any) -> np.ndarray:
    """Vertical lines at the values of `da`; NaN draws none."""
    backend = backend_from_object(target)
    artists = np.full(da.size, None, dtype=object)
    for place, value in enumerate(da.values.ravel()):
        if np.isfinite(value):
            artists[place] = backend.vline(value, target, **kwargs)
    return artists


def set_yticks(_da: xr.DataArray, target: Any, values: Any, labels: Sequence[str], **kwargs: Any) -> Any:
    """Ticks of the y axis."""
    return backend_from_object(target).yticks(values, labels, target, **kwargs)
