"""What can speak against an estimate, a posterior or a decision: a closed list, each reason with its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

_APPROXIMATE = "is a posterior approximate, or does one belong to other data? Predictive debt needs no exact posteriors"
_NOT_ITS_DENSITY = "is a density not normalised, or are the draws not of it?"


class Doubt(Enum):
    """A reason not to rely on a number, a posterior or a verdict.

    Attributes
    ----------
    code : int
        Positive; what a spell table stores, with the names in its ``flag_meanings``.
    what : str
        What is wrong, without numbers.
    remedy : str
        What to do, or to look at.
    cited : str
        What is wrong with the numbers of an estimate's diagnostics in braces; empty where there are none.
    disqualifies : bool
        Whether an estimate with this doubt is not reliable.

    Examples
    --------
    >>> Doubt.FEW_DRAWS.text({"effective_draws": 63.2})
    'only 63 effective draws: draw more'
    >>> Doubt.FEW_DRAWS.text()
    'too few effective draws: draw more'
    """

    # Of any estimate from draws.
    FEW_DRAWS = 1, "too few effective draws", "draw more", "only {effective_draws:.0f} effective draws"
    ERROR_UNKNOWN = 2, "the error cannot be estimated", "draw more"
    UNEVEN_WEIGHTS = (
        3,
        "the weights of a posterior's draws have too heavy a tail (Pareto k above 0.7)",
        "refit it",
        "Pareto k {weights_pareto_k:.2f} of the weights, above 0.7",
    )
    MOVED_AMISS = (
        4,
        "a posterior's moved draws still weigh unevenly (worth under a quarter of their number)",
        "refit it",
    )

    # Of posterior debt from log-likelihoods.
    NO_OVERLAP = (
        10,
        "the draws do not overlap, so the debt is at least this large",
        "draw more, or give a chain of the shadows in between",
    )
    NO_JOINT_DENSITY = (
        11,
        "no bridge: the forecaster offers no joint density",
        "marginalise discrete parameters, and keep the training data with the posterior",
        "no bridge: {detail}",
    )
    FEW_FOR_GAUSSIAN = (
        12,
        "no bridge: there are too few draws to fit a Gaussian",
        "draw more",
        "no bridge: {detail}",
    )
    FEW_FOR_BRIDGE = (
        13,
        "a parameter's draws are worth too few for a bridge or a chain (under 100)",
        "draw more, or do all chains sample the same posterior?",
    )
    FEW_PER_PARAMETER = 14, "the Gaussian bridge has under 4 effective draws per parameter", "draw more"
    NOT_GAUSSIAN = (
        15,
        "the posterior is too far from Gaussian for the bridge",
        "give a chain of the shadows in between",
    )
    HALVES_DISAGREE = (
        16,
        "the two halves of the draws give different Gaussian bridges",
        "draw more, or check the sampler",
    )
    NOT_ITS_DENSITY = 17, "the draws contradict the model's own posterior density", _APPROXIMATE
    SLOPE = (
        18,
        "the slope of the draws' labels on the log-likelihood is not 1",
        _APPROXIMATE,
        "the slope of the draws' labels on the log-likelihood is {slope:.2f} ± {slope_se:.2f}, not 1",
    )
    LIKELIER_DEPLOYED = (
        19,
        "the new data are likelier under the deployed posterior than under the shadow",
        _APPROXIMATE,
    )
    NEGATIVE_DEBT = 20, "the debt came out negative", _APPROXIMATE
    NEW_DATA_IMPOSSIBLE = (
        21,
        "the new data are impossible at draws of the shadow, which has seen them",
        _APPROXIMATE,
        "the new data are impossible at {impossible_draws:.0f} draws of the shadow, which has seen them",
    )
    REMOVED_DATA_IMPOSSIBLE = (
        22,
        "the removed data are impossible at deployed draws, which have seen them",
        _APPROXIMATE,
        "the removed data are impossible at {impossible_draws:.0f} deployed draws, which have seen them",
    )
    RULED_OUT = (
        23,
        "the deployed posterior rules out draws of the shadow: the debt is infinite",
        "compare the two by predictive debt, or retrain",
    )
    FEW_CARRY_WEIGHTS = (
        24,
        "too few draws carry the weights, so the debt is at least about this large",
        "refit the shadow",
    )
    WEIGHTS_ERROR_UNKNOWN = (
        25,
        "too few draws carry the weights of a posterior to know its error",
        "refit it",
    )
    OTHER_WEIGHTS = (
        26,
        "the weights of the draws are not the likelihood of the new data",
        "do the weights belong to other data?",
    )

    # Of posterior debt from normalised densities.
    DENSITIES_NEGATIVE = 30, "the debt came out negative", _NOT_ITS_DENSITY
    NOT_NORMALISED = 31, "E_p[q/p] is above 1", _NOT_ITS_DENSITY
    NORMALISERS_DIFFER = 32, "the draws of both give their densities different normalisers", _NOT_ITS_DENSITY
    NORMALISERS_UNCHECKED = (
        33,
        "the posteriors lie too far apart to check that both densities are normalised",
        "check them against draws of the posteriors in between",
        "",
        False,
    )

    # Of scores and predictive debt.
    FEW_REACH_OUTCOME = 40, "too few draws reach the realised outcome", "draw more"
    FEW_REACH_OUTCOMES = 41, "too few draws reach the other posterior's outcomes", "draw more"
    OUTCOME_IMPOSSIBLE = (
        42,
        "a posterior gives a realised outcome no density at any draw",
        "draw more, or is the outcome outside the model's support?",
    )
    OUTCOMES_RULED_OUT = (
        43,
        "the deployed posterior rules out outcomes the shadow expects: the debt is infinite at these draws",
        "take a score that has a distance, such as the CRPS, or retrain",
    )
    HEAVY_TAILS = (
        44,
        "a single draw carries much of the error: the forecast's tails are too heavy for this score",
        "take a score of bounded influence, such as a quantile loss, or the log score",
    )
    WAVERING_DECISION = 45, "the decision wavers between values that cost differently", "draw more"
    FEW_BEYOND_LEVEL = (
        46,
        "too few effective draws lie beyond the level",
        "draw more",
        "only {draws_beyond:.2g} effective draws lie beyond the level {level:.12g}, fewer than 16 (it takes about "
        "{draws_needed:,.0f} draws)",
    )
    FEW_CARRY_DEBT = 47, "too few outcomes carry the debt for its error to be known", "take more rows"

    # Of a whole table: why it holds no posterior debt.
    GROWN = (
        50,
        "groups or states came with the rows, and between posteriors that differ in them no posterior debt exists",
        "take predictive_debt and score_gap, which do",
    )
    APPROXIMATE_SHADOWS = (
        51,
        "the shadow's keeper hands out approximate posteriors without their log density, so that no log-likelihood "
        "tells how far they are apart",
        "give the keeper a log_density, or take predictive_debt and score_gap, which need no exact posteriors",
    )
    SLIDING_WINDOW = (
        52,
        "rows of this model depend on the rows before them, and what leaves a rolling window was past to what stays",
        "take predictive_debt and score_gap, which do without",
    )

    # Of a posterior's draws.
    RHAT = (
        60,
        "R-hat of a parameter is too large",
        "draw more or mend the model",
        "R-hat of {detail} is {rhat:.4g}, above {maximum_rhat:g}",
    )
    FEW_IN_CHAINS = (
        61,
        "a parameter has too few effective draws",
        "draw more or mend the model",
        "{detail} has {effective_draws:.0f} effective draws, fewer than {fewest_draws:.0f}",
    )
    DIVERGENCES = (
        62,
        "too many transitions diverged",
        "take smaller steps (a larger target_accept) or other parameters for the same model",
        "{divergences:.0f} of {transitions:.0f} transitions diverged",
    )
    NOT_FINITE = 63, "draws are not finite", "fit again, and look at the parameter it names", "{detail}"
    FEW_WEIGHTED = (
        64,
        "weighted draws are worth too little",
        "refit it",
        "the weighted draws are worth {effective_draws:.0f}, fewer than {fewest_draws:.0f}",
    )
    UNCONVERGED = (
        65,
        "the sampler's diagnostics failed",
        "draw more or mend the model",
        "the sampler's diagnostics of {detail} failed",
    )

    # Of a decision.
    STRADDLES = (
        80,
        "the policy changes its verdict within the Monte-Carlo error",
        "draw more",
        "{detail} changes its verdict within the Monte-Carlo error",
    )
    SHADOW_WEIGHTS = (
        81,
        "the weights of the shadow's draws failed their diagnostics",
        "refit the shadow",
        "the weights of the shadow's draws failed their diagnostics (Pareto k {shadow_pareto_k:.2f})",
    )
    NO_PREDICTIVE_DEBT = (
        82,
        "the table holds no predictive debt",
        'make it with "predictive_debt" among its variables',
    )

    def __init__(self, code: int, what: str, remedy: str, cited: str = "", disqualifies: bool = True) -> None:
        self.code = code
        self.what = what
        self.remedy = remedy
        self.cited = cited
        self.disqualifies = disqualifies

    def __repr__(self) -> str:
        return f"<Doubt.{self.name}>"

    def said(self, diagnostics: Mapping[str, float] | None = None, detail: str = "") -> str:
        """What is wrong, with the numbers of `diagnostics` and the words of `detail` where they are cited and known."""
        known = {**(diagnostics or {}), **({"detail": detail} if detail else {})}
        try:
            return self.cited.format(**known) or self.what
        except (KeyError, TypeError, ValueError):  # not there, or not a number
            return self.what

    def text(self, diagnostics: Mapping[str, float] | None = None, detail: str = "") -> str:
        """The whole sentence: what is wrong, and the remedy."""
        return f"{self.said(diagnostics, detail)}: {self.remedy}"
