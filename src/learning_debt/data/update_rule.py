"""What the shadow holds of the past: all of it, a rolling window, or the past discounted."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learning_debt.validation import describe, require_number, require_numbers, require_whole_number


@dataclass(frozen=True)
class UpdateRule:
    """Weight of a row's log-likelihood in the shadow, by the age of its period: discount^age inside the window, else 0.

    The prior keeps its full weight. Both posteriors of a debt follow the same rule, each as of its own period, so debt
    is relative to the rule.

    Parameters
    ----------
    window : int, optional
        Periods that are held, the newest included; all of them if left out.
    discount : float
        Factor per period of age, above 0 and at most 1.

    Raises
    ------
    ValueError
        If `window` is not a positive whole number or `discount` is outside (0, 1].

    See Also
    --------
    spell_table : Takes it as `update_rule`.

    References
    ----------
    Ibrahim & Chen, *Power prior distributions for regression models*, Statistical Science 15 (2000), 46-60.

    Examples
    --------
    >>> UpdateRule(window=3, discount=0.5).weights([0, 1, 2, 3]).tolist()
    [1.0, 0.5, 0.25, 0.0]
    >>> str(UpdateRule())
    'all data'
    """

    window: int | None = None
    discount: float = 1.0

    def __post_init__(self) -> None:
        if self.window is not None:
            object.__setattr__(self, "window", require_whole_number("window", self.window, at_least=1))
        object.__setattr__(self, "discount", require_number("discount", self.discount, above=0, at_most=1))

    def weights(self, age: ArrayLike) -> NDArray[np.float64]:
        """Weight of rows whose period lies `age` periods back (0 is the newest); 0 for rows still to come."""
        ages = require_numbers("age", age)
        held = ages >= 0 if self.window is None else (ages >= 0) & (ages < self.window)
        return np.where(held, self.discount ** np.maximum(ages, 0.0), 0.0)

    @classmethod
    def from_text(cls, text: str) -> UpdateRule:
        """The rule whose ``str`` is `text`, as spell tables keep it.

        Examples
        --------
        >>> UpdateRule.from_text(str(UpdateRule(window=12, discount=0.95)))
        UpdateRule(window=12, discount=0.95)
        """
        shape = r"(rolling window of (?P<window>\d+) periods)?(, )?(discount (?P<discount>\S+) a period)?|all data"
        found = re.fullmatch(shape, text) if isinstance(text, str) and text else None
        if found is None:
            raise ValueError(f"text must be an update rule as str writes it, such as 'all data', not {describe(text)}")
        window, discount = found["window"], found["discount"]
        return cls(int(window) if window else None, float(discount) if discount else 1.0)

    def __str__(self) -> str:
        parts = [] if self.window is None else [f"rolling window of {self.window} periods"]
        parts += [f"discount {self.discount} a period"] if self.discount < 1 else []
        return ", ".join(parts) or "all data"
