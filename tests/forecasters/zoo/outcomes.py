"""Rows that score alone: outcomes of every support."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import special, stats

from .case import Case, along_rows, covariates, from_law

LEVELS = (np.arange(20_000) + 0.5) / 20_000
"""Probabilities at which a distribution is read off to integrate what has no formula."""
SINGLE = {"tolerance": 1e-7}
"""PyMC's normal distribution function takes the root of two in single precision."""


def line(data, *more):
    """Data x and more, and a straight line in x."""
    columns = {name: pm.Data(name, data[name].values, dims="obs") for name in ("x", "y", *more)}
    return columns, pm.Normal("level", 0, 1) + pm.Normal("slope", 0, 1) * columns["x"]


def fitted_line(theta, data):
    return theta["level"] + theta["slope"] * data["x"].values


LINE = {"level": 0.8, "slope": 0.5}


def transformed_moments(law, transform, rows):
    """Mean and variance of a transformed variable, for each row of a frozen distribution."""
    values = transform(law.ppf(np.broadcast_to(LEVELS[:, None], (len(LEVELS), rows))))
    return values.mean(0), values.var(0)


# Censored, truncated, hurdle -----------------------------------------------------------------------------------------


def censored(data):
    with pm.Model() as model:
        columns, mu = line(data)
        latent = pm.Normal.dist(mu, pm.HalfNormal("scale", 1))
        pm.Censored("outcome", latent, lower=0, upper=2, observed=columns["y"], dims="obs")
    return model


def censored_terms(theta, data):
    law, y = stats.norm(fitted_line(theta, data), theta["scale"]), data["y"].values
    return {"outcome": np.where(y <= 0, law.logcdf(0), np.where(y >= 2, law.logsf(2), law.logpdf(y)))}


def censored_moments(theta, data, start):
    rows = data.isel(obs=slice(start, None))
    law = stats.norm(fitted_line(theta, rows), theta["scale"])
    return transformed_moments(law, lambda y: np.clip(y, 0, 2), rows.sizes["obs"])


def truncated(data):
    with pm.Model() as model:
        columns, mu = line(data)
        latent = pm.Normal.dist(mu, pm.HalfNormal("scale", 1))
        pm.Truncated("outcome", latent, lower=0, upper=3, observed=columns["y"], dims="obs")
    return model


def truncated_law(theta, data):
    mu, scale = fitted_line(theta, data), theta["scale"]
    return stats.truncnorm((0 - mu) / scale, (3 - mu) / scale, mu, scale)


def survival(data):
    """Weibull lifetimes; each row has its own end of observation."""
    with pm.Model() as model:
        columns, mu = line(data, "end")
        latent = pm.Weibull.dist(alpha=pm.HalfNormal("shape", 2), beta=pm.math.exp(mu))
        pm.Censored("outcome", latent, lower=None, upper=columns["end"], observed=columns["y"], dims="obs")
    return model


def survival_terms(theta, data):
    law = stats.weibull_min(theta["shape"], scale=np.exp(fitted_line(theta, data)))
    y, end = data["y"].values, data["end"].values
    return {"outcome": np.where(y >= end, law.logsf(end), law.logpdf(y))}


def survival_moments(theta, data, start):
    rows = data.isel(obs=slice(start, None))
    law = stats.weibull_min(theta["shape"], scale=np.exp(fitted_line(theta, rows)))
    return transformed_moments(law, lambda y: np.minimum(y, rows["end"].values), rows.sizes["obs"])


def hurdle_lognormal(data):
    with pm.Model() as model:
        columns, mu = line(data)
        some = pm.Beta("some", 2, 2)
        pm.HurdleLogNormal("outcome", psi=some, mu=mu, sigma=pm.HalfNormal("scale", 1), observed=columns["y"])
    return model


def hurdle_gamma(data):
    with pm.Model() as model:
        columns, mu = line(data)
        shape = pm.HalfNormal("scale", 1)
        rate = pm.math.exp(-mu)
        pm.HurdleGamma("outcome", psi=pm.Beta("some", 2, 2), alpha=shape, beta=rate, observed=columns["y"])
    return model


def hurdle_poisson(data):
    with pm.Model() as model:
        columns, mu = line(data)
        pm.HurdlePoisson("outcome", psi=pm.Beta("some", 2, 2), mu=pm.math.exp(mu), observed=columns["y"], dims="obs")
    return model


def zero_inflated_poisson(data):
    with pm.Model() as model:
        columns, mu = line(data)
        some = pm.Beta("some", 2, 2)
        pm.ZeroInflatedPoisson("outcome", psi=some, mu=pm.math.exp(mu), observed=columns["y"], dims="obs")
    return model


def with_zeros(law_of, zero):
    """Terms and moments of a share ``1 - some`` of zeros beside a law; `zero` is P(0) of the law: left out, or kept."""

    def terms(theta, data):
        law, y, some = law_of(theta, data), data["y"].values, theta["some"]
        log = law.logpmf if hasattr(law.dist, "pmf") else law.logpdf
        at_zero = law.pmf(0) if hasattr(law.dist, "pmf") else 0 * y
        if zero == "left out":
            positive = np.log(some) + log(np.maximum(y, 1e-300)) - np.log1p(-at_zero)
            return {"outcome": np.where(y == 0, np.log1p(-some), positive)}
        return {"outcome": np.where(y == 0, np.log(1 - some + some * at_zero), np.log(some) + log(y))}

    def moments(theta, data, start):
        law, some = law_of(theta, data), theta["some"]
        at_zero = law.pmf(0) if hasattr(law.dist, "pmf") and zero == "left out" else 0.0
        first, second = law.mean() / (1 - at_zero), (law.var() + law.mean() ** 2) / (1 - at_zero)
        return (some * first)[start:], (some * second - (some * first) ** 2)[start:]

    return {"terms": terms, "moments": moments}


# Mixtures, categories, counts out of a total -------------------------------------------------------------------------


def mixture(data):
    with pm.Model() as model:
        columns, mu = line(data)
        weight = pm.Dirichlet("weight", [1, 1])
        parts = pm.Normal.dist(pt.stack([mu, mu + 3], axis=-1), pm.HalfNormal("scale", 1, shape=2))
        pm.Mixture("outcome", w=weight, comp_dists=parts, observed=columns["y"], dims="obs")
    return model


def mixture_terms(theta, data):
    mu, y = fitted_line(theta, data), data["y"].values
    parts = [stats.norm.logpdf(y, mu + 3 * k, theta["scale"][k]) + np.log(theta["weight"][k]) for k in (0, 1)]
    return {"outcome": special.logsumexp(parts, axis=0)}


def mixture_moments(theta, data, start):
    mu, (w, v) = fitted_line(theta, data)[start:], theta["weight"]
    mean = w * mu + v * (mu + 3)
    second = w * (mu**2 + theta["scale"][0] ** 2) + v * ((mu + 3) ** 2 + theta["scale"][1] ** 2)
    return mean, second - mean**2


def ordered(distribution):
    def build(data):
        with pm.Model() as model:
            columns, mu = line(data)
            increasing = pm.distributions.transforms.ordered
            cuts = pm.Normal("cuts", [-1.0, 1.0], 2, transform=increasing, initval=[-1.0, 1.0])
            distribution("outcome", eta=mu, cutpoints=cuts, observed=columns["y"], dims="obs")
        return model

    return build


def category_probabilities(theta, data, cdf):
    below = cdf(theta["cuts"] - fitted_line(theta, data)[:, None])
    return np.diff(np.column_stack([np.zeros(len(below)), below, np.ones(len(below))]), axis=1)


def of_categories(cdf):
    def terms(theta, data):
        p = category_probabilities(theta, data, cdf)
        return {"outcome": np.log(p[np.arange(len(p)), data["y"].values])}

    def moments(theta, data, start):
        p = category_probabilities(theta, data, cdf)[start:]
        mean = p @ [0, 1, 2]
        return mean, p @ [0, 1, 4] - mean**2

    return {"terms": terms, "moments": moments}


def binomial(data):
    with pm.Model() as model:
        columns, mu = line(data, "trials")
        pm.Binomial("outcome", n=columns["trials"], logit_p=mu, observed=columns["y"], dims="obs")
    return model


def beta_binomial(data):
    with pm.Model() as model:
        columns, mu = line(data, "trials")
        strength, p = pm.HalfNormal("strength", 5), pm.math.sigmoid(mu)
        alpha, beta = strength * p, strength * (1 - p)
        pm.BetaBinomial("outcome", n=columns["trials"], alpha=alpha, beta=beta, observed=columns["y"], dims="obs")
    return model


def beta_binomial_law(theta, data):
    p = special.expit(fitted_line(theta, data))
    return stats.betabinom(data["trials"].values, theta["strength"] * p, theta["strength"] * (1 - p))


# Several numbers a row -----------------------------------------------------------------------------------------------


def dirichlet_multinomial(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims=("obs", "brand"))
        trials = pm.Data("trials", data["trials"].values, dims="obs")
        share, strength = pm.Dirichlet("share", np.ones(3), dims="brand"), pm.HalfNormal("strength", 5)
        pm.DirichletMultinomial("outcome", n=trials, a=strength * share, observed=y, dims=("obs", "brand"))
    return model


def dirichlet_multinomial_terms(theta, data):
    a = theta["strength"] * theta["share"]
    rows = zip(data["y"].values, data["trials"].values, strict=True)
    return {"outcome": np.array([stats.dirichlet_multinomial.logpmf(y, a, n) for y, n in rows])}


def dirichlet_multinomial_moments(theta, data, start):
    a, trials = theta["strength"] * theta["share"], data["trials"].values[start:]
    laws = [stats.dirichlet_multinomial(a, n) for n in trials]
    return np.array([law.mean() for law in laws]), np.array([law.var() for law in laws])


def multinomial(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims=("obs", "brand"))
        trials = pm.Data("trials", data["trials"].values, dims="obs")
        share = pm.Dirichlet("share", np.ones(3), dims="brand")
        pm.Multinomial("outcome", n=trials, p=share, observed=y, dims=("obs", "brand"))
    return model


def multinomial_terms(theta, data):
    rows = zip(data["y"].values, data["trials"].values, strict=True)
    return {"outcome": np.array([stats.multinomial.logpmf(y, n, theta["share"]) for y, n in rows])}


def multinomial_moments(theta, data, start):
    p, trials = theta["share"], data["trials"].values[start:, None]
    return trials * p, trials * p * (1 - p)


def several_normals(data):
    """Correlated outcomes; one term a row."""
    with pm.Model() as model:
        x = pm.Data("x", data["x"].values, dims="obs")
        y = pm.Data("y", data["y"].values, dims=("obs", "output"))
        slope = pm.Normal("slope", 0, 1, shape=2)
        cholesky, _, _ = pm.LKJCholeskyCov("factor", n=2, eta=2, sd_dist=pm.HalfNormal.dist(1, shape=2))
        pm.MvNormal("outcome", x[:, None] * slope, chol=cholesky, observed=y, dims=("obs", "output"))
    return model


def _factor(theta):
    a, b, c = theta["factor"]
    return np.array([[a, 0], [b, c]])


def several_normals_terms(theta, data):
    root, mean = _factor(theta), data["x"].values[:, None] * theta["slope"]
    rows = zip(data["y"].values, mean, strict=True)
    return {"outcome": np.array([stats.multivariate_normal.logpdf(y, m, root @ root.T) for y, m in rows])}


def several_normals_moments(theta, data, start):
    root, mean = _factor(theta), data["x"].values[start:, None] * theta["slope"]
    return mean, np.broadcast_to(np.diag(root @ root.T), mean.shape)


# Odd supports, densities of one's own --------------------------------------------------------------------------------


def student(data):
    with pm.Model() as model:
        columns, mu = line(data)
        scale, freedom = pm.HalfNormal("scale", 1), pm.Gamma("freedom", 2, 0.1)
        pm.StudentT("outcome", nu=freedom, mu=mu, sigma=scale, observed=columns["y"], dims="obs")
    return model


def directions(data):
    with pm.Model() as model:
        columns, mu = line(data)
        spread = pm.HalfNormal("kappa", 3)
        pm.VonMises("outcome", mu=2 * pt.arctan(mu), kappa=spread, observed=columns["y"], dims="obs")
    return model


def directions_law(theta, data):
    return stats.vonmises(theta["kappa"], loc=2 * np.arctan(fitted_line(theta, data)))


def directions_moments(theta, data, start):
    """By integration over (-pi, pi], where PyMC's draws lie."""
    angle = np.linspace(-np.pi, np.pi, 20_001)[:, None]
    density = directions_law(theta, data.isel(obs=slice(start, None))).pdf(angle)
    mean = np.trapezoid(angle * density, angle, axis=0)
    return mean, np.trapezoid(angle**2 * density, angle, axis=0) - mean**2


def bounded(data):
    with pm.Model() as model:
        columns, mu = line(data)
        share, strength = pm.math.sigmoid(mu), pm.HalfNormal("strength", 5)
        pm.Beta("outcome", strength * share, strength * (1 - share), observed=columns["y"], dims="obs")
    return model


def bounded_law(theta, data):
    share = special.expit(fitted_line(theta, data))
    return stats.beta(theta["strength"] * share, theta["strength"] * (1 - share))


def custom(data):
    """A Laplace density written by hand, with its own draws."""

    def log_density(value, mu, scale):
        return -pt.abs(value - mu) / scale - pt.log(2 * scale)

    def draw(mu, scale, rng=None, size=None):
        return rng.laplace(mu, scale, size=size)

    with pm.Model() as model:
        columns, mu = line(data)
        scale = pm.HalfNormal("scale", 1)
        pm.CustomDist("outcome", mu, scale, logp=log_density, random=draw, observed=columns["y"], dims="obs")
    return model


def custom_from_parts(data):
    """A lognormal written as a transformed normal; PyMC derives the density."""

    def dist(mu, scale, size):
        return pm.math.exp(pm.Normal.dist(mu, scale, size=size))

    with pm.Model() as model:
        columns, mu = line(data)
        pm.CustomDist("outcome", mu, pm.HalfNormal("scale", 1), dist=dist, observed=columns["y"], dims="obs")
    return model


def normal_law(theta, data):
    return stats.norm(fitted_line(theta, data), theta["scale"])


def poisson_law(theta, data):
    return stats.poisson(np.exp(fitted_line(theta, data)))


def _data():
    """Outcomes of each support on shared covariates."""
    rng, x = covariates()
    rows = len(x)
    mu = 0.8 + 0.5 * x
    real = mu + rng.normal(size=rows)
    trials, life = rng.integers(3, 9, rows), np.exp(mu) * rng.weibull(1.5, rows)
    end = np.where(np.arange(rows) % 3 == 1, 0.7 * life, 2 * life)
    zeros = np.arange(rows) % 4 != 2
    brands = np.stack([rng.multinomial(n, [0.5, 0.3, 0.2]) for n in trials])
    return {
        "real": along_rows(x=x, y=real),
        "clipped": along_rows(x=x, y=np.clip(real, 0, 2)),
        "inside": along_rows(x=x, y=np.clip(real, 0.1, 2.9)),
        "life": along_rows(x=x, y=np.minimum(life, end), end=end),
        "positive": along_rows(x=x, y=np.exp(real)),
        "some": along_rows(x=x, y=np.where(zeros, np.exp(real), 0.0)),
        "count": along_rows(x=x, y=np.where(zeros, 1 + rng.poisson(np.exp(mu)), 0)),
        "category": along_rows(x=x, y=np.arange(rows) % 3),
        "trials": along_rows(x=x, y=rng.binomial(trials, 0.6), trials=trials),
        "brands": along_rows(y=(("obs", "brand"), brands), trials=trials).assign_coords(brand=["A", "B", "C"]),
        "outputs": along_rows(x=x, y=(("obs", "output"), np.column_stack([real, mu - rng.normal(size=rows)]))),
        "angle": along_rows(x=x, y=rng.vonmises(1, 2, rows)),
        "share": along_rows(x=x, y=rng.beta(2, 2, rows)),
    }


DATA = _data()
SCALED, SOME = {**LINE, "scale": 0.9}, {**LINE, "some": 0.7, "scale": 0.9}
CUTS = {**LINE, "cuts": np.array([-0.6, 0.9])}
SHARES = {"share": ("brand", np.array([0.5, 0.3, 0.2])), "strength": 4.0}

CASES = [
    Case("censored", censored, DATA["clipped"], SCALED, censored_terms, censored_moments, **SINGLE),
    Case("truncated", truncated, DATA["inside"], SCALED, **from_law(truncated_law), **SINGLE),
    Case("survival", survival, DATA["life"], {**LINE, "shape": 1.4}, survival_terms, survival_moments),
    Case(
        "hurdle lognormal",
        hurdle_lognormal,
        DATA["some"],
        SOME,
        **with_zeros(lambda t, d: stats.lognorm(t["scale"], scale=np.exp(fitted_line(t, d))), "left out"),
    ),
    Case(
        "hurdle gamma",
        hurdle_gamma,
        DATA["some"],
        SOME,
        **with_zeros(lambda t, d: stats.gamma(t["scale"], scale=np.exp(fitted_line(t, d))), "left out"),
    ),
    Case("hurdle Poisson", hurdle_poisson, DATA["count"], {**LINE, "some": 0.7}, **with_zeros(poisson_law, "left out")),
    Case(
        "zero-inflated", zero_inflated_poisson, DATA["count"], {**LINE, "some": 0.7}, **with_zeros(poisson_law, "kept")
    ),
    Case(
        "mixture",
        mixture,
        DATA["real"],
        {**LINE, "scale": np.array([0.9, 1.3]), "weight": np.array([0.4, 0.6])},
        mixture_terms,
        mixture_moments,
        whole=("weight",),
    ),
    Case("ordered logistic", ordered(pm.OrderedLogistic), DATA["category"], CUTS, **of_categories(special.expit)),
    Case(
        "ordered probit", ordered(pm.OrderedProbit), DATA["category"], CUTS, **of_categories(stats.norm.cdf), **SINGLE
    ),
    Case(
        "binomial",
        binomial,
        DATA["trials"],
        LINE,
        **from_law(lambda t, d: stats.binom(d["trials"].values, special.expit(fitted_line(t, d)))),
    ),
    Case("beta binomial", beta_binomial, DATA["trials"], {**LINE, "strength": 4.0}, **from_law(beta_binomial_law)),
    Case(
        "Dirichlet multinomial",
        dirichlet_multinomial,
        DATA["brands"],
        SHARES,
        dirichlet_multinomial_terms,
        dirichlet_multinomial_moments,
        whole=("share",),
    ),
    Case(
        "multinomial",
        multinomial,
        DATA["brands"],
        {"share": SHARES["share"]},
        multinomial_terms,
        multinomial_moments,
        whole=("share",),
    ),
    Case(
        "several outputs",
        several_normals,
        DATA["outputs"],
        {"slope": np.array([0.5, -0.2]), "factor": np.array([0.9, 0.3, 1.1])},
        several_normals_terms,
        several_normals_moments,
    ),
    Case(
        "Student t",
        student,
        DATA["real"],
        {**SCALED, "freedom": 9.0},
        **from_law(lambda t, d: stats.t(t["freedom"], fitted_line(t, d), t["scale"])),
    ),
    Case(
        "von Mises",
        directions,
        DATA["angle"],
        {**LINE, "kappa": 2.0},
        from_law(directions_law)["terms"],
        directions_moments,
    ),
    Case("beta", bounded, DATA["share"], {**LINE, "strength": 4.0}, **from_law(bounded_law)),
    Case(
        "custom",
        custom,
        DATA["real"],
        SCALED,
        **from_law(lambda t, d: stats.laplace(fitted_line(t, d), t["scale"])),
    ),
    Case(
        "custom from parts",
        custom_from_parts,
        DATA["positive"],
        SCALED,
        **from_law(lambda t, d: stats.lognorm(t["scale"], scale=np.exp(fitted_line(t, d)))),
    ),
]
